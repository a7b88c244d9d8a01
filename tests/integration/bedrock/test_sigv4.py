"""The filter's SigV4 signer compared with botocore's, over thousands of generated requests."""

import datetime
import hashlib
import json
import random
import subprocess
from unittest import mock
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tools.gateway import PROJECT

CASES = 5000
NOW = datetime.datetime(2026, 11, 22, 23, 40, 57, tzinfo=datetime.UTC)
SEGMENT = "abcXYZ019-_.~:@!$&'()*,;="
TEXT = SEGMENT + " /?#%+é"


def test_signatures_equal_those_of_botocore():
    rng = random.Random(20261122)
    cases = [generated(rng) for _ in range(CASES)]
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    build = ["cargo", "run", "--quiet", "--package", "ai-gateway-core", "--example", "sign"]
    signed = subprocess.run(build, cwd=PROJECT, input=lines, capture_output=True, text=True, check=True, timeout=300)
    answers = signed.stdout.splitlines()
    assert len(answers) == CASES
    for case, answer in zip(cases, answers, strict=True):
        assert json.loads(answer)["authorization"] == by_botocore(case), case


def generated(rng):
    def text(alphabet, longest):
        return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, longest)))

    def segment():
        sent = text(SEGMENT, 12)
        return quote(sent, safe=rng.choice(["", ":", SEGMENT])) if sent not in (".", "..") else "x"

    path = "".join("/" + segment() for _ in range(rng.randint(0, 5))) + rng.choice(["", "/"])
    names = [text("abAB12-_.~", 6) for _ in range(rng.randint(0, 4))]
    # botocore only sorts a URL's query, so it must be canonically encoded already.
    query = "&".join(f"{name}={quote(text(TEXT, 8), safe='-_.~')}" for name in names)
    return {
        "method": rng.choice(["GET", "POST", "PUT", "DELETE"]),
        "target": (path or "/") + ("?" + query if query else ""),
        "authority": rng.choice(["bedrock-runtime.us-east-1.amazonaws.com", "127.0.0.1:8443"]),
        "content_type": rng.choice([None, "application/json", "  text/plain;   charset=utf-8 "]),
        "payload_sha256": hashlib.sha256(rng.randbytes(rng.randint(0, 100))).hexdigest(),
        "access_key_id": text("ABC123", 20),
        "secret_access_key": text(SEGMENT, 40),
        "session_token": rng.choice([None, text("abc+/=", 60)]),
        "time": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": rng.choice(["us-east-1", "eu-west-3", "us-gov-west-1"]),
        "service": rng.choice(["bedrock", "sts"]),
    }


def by_botocore(case):
    request = AWSRequest(case["method"], f"https://{case['authority']}{case['target']}")
    if case["content_type"]:
        request.headers["content-type"] = case["content_type"]
    request.headers["host"] = case["authority"]
    request.headers["x-amz-content-sha256"] = case["payload_sha256"]
    credentials = Credentials(case["access_key_id"], case["secret_access_key"], case["session_token"])
    signer = SigV4Auth(credentials, case["service"], case["region"])
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        signer.add_auth(request)
    return request.headers["authorization"]
