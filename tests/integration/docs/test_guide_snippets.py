"""The guide's snippets run unchanged. See tests/snippets/README.md."""

import os
import shutil
import subprocess
import sys

import pytest

from mocks.world import AUDIENCE, CLIENT_ID, CLIENT_SECRET
from support.jq import JQ_REPLACEMENT
from support.node import NODE_PACKAGES, node
from tools.gateway import PROJECT

SNIPPETS = PROJECT / "tests" / "snippets"


@pytest.fixture
def snippet(world):
    """The text of a snippet, with the mock identity provider."""
    replacements = {
        "https://auth.prd.cloud.redpanda.com": world.identity_provider.url,
        "<client-id>": CLIENT_ID,
        "<client-secret>": CLIENT_SECRET,
        "cloudv2-production.redpanda.cloud": AUDIENCE,
    }

    def read(name):
        text = (SNIPPETS / name).read_text()
        for placeholder, value in replacements.items():
            text = text.replace(placeholder, value)
        return text

    return read


@pytest.fixture
def path_with_jq(tmp_path):
    """A PATH on which the curl snippet finds `jq`."""
    if not shutil.which("jq"):
        replacement = tmp_path / "jq"
        replacement.write_text(JQ_REPLACEMENT)
        replacement.chmod(0o755)
    return f"{os.environ['PATH']}:{tmp_path}"


def run(command, directory=None, **environment):
    """The output of a program with only this environment."""
    environment = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_python(text, **environment):
    return run([sys.executable, "-c", text], **environment)


def use(token, proxy_url):
    """The environment variables that the guide tells its readers to set."""
    return {"PROXY_URL": proxy_url, "AUTH_TOKEN": token}


def test_the_curl_snippet_gets_a_valid_token(snippet, path_with_jq, proxy_url):
    token = run(["sh", "-c", snippet("token_curl.sh") + 'echo "$AUTH_TOKEN"'], PATH=path_with_jq).strip()
    output = run_python(snippet("openai_sdk.py"), **use(token, proxy_url("my-openai")))
    assert "Hello from the mock of OpenAI" in output


def test_the_authlib_snippet_gets_a_valid_token(snippet, proxy_url):
    token = run_python(snippet("token_authlib.py") + "print(access_token)").strip()
    output = run_python(snippet("anthropic_sdk.py"), **use(token, proxy_url("my-anthropic")))
    assert "Hello from the mock of Anthropic" in output


def test_the_openid_client_snippet_gets_a_valid_token(snippet, proxy_url):
    """With version 5, as version 6 has no `Issuer`."""
    text = snippet("token_openid_client.mjs") + "console.log(accessToken);"
    token = run([node(), "--input-type=module", "--eval", text], directory=NODE_PACKAGES).strip()
    output = run_python(snippet("openai_sdk.py"), **use(token, proxy_url("my-openai")))
    assert "Hello from the mock of OpenAI" in output


def test_the_openai_snippet_prints_the_answer(snippet, token, proxy_url):
    output = run_python(snippet("openai_sdk.py"), **use(token, proxy_url("my-openai")))
    assert output == "Hello from the mock of OpenAI: you said 'Hello from AI Gateway'.\n"


def test_the_anthropic_snippet_prints_the_answer(snippet, token, proxy_url):
    output = run_python(snippet("anthropic_sdk.py"), **use(token, proxy_url("my-anthropic")))
    assert output == "Hello from the mock of Anthropic: you said 'Hello from AI Gateway'.\n"


def test_the_google_snippet_prints_the_answer(snippet, token, proxy_url):
    output = run_python(snippet("google_sdk.py"), **use(token, proxy_url("my-google")))
    assert output == "Hello from the mock of Google: you said 'Hello from AI Gateway'.\n"


def test_the_openai_compatible_snippet_gets_an_answer(snippet, token, proxy_url):
    text = snippet("openai_compatible.py") + "print(response.choices[0].message.content)"
    output = run_python(text, **use(token, proxy_url("my-vllm")))
    assert output == "Hello from the mock of an OpenAI-compatible server: you said 'Hello'.\n"


def test_the_streaming_snippet_prints_the_answer_with_the_client_of_the_openai_snippet(snippet, token, proxy_url):
    text = snippet("openai_sdk.py") + snippet("streaming.py")
    output = run_python(text, **use(token, proxy_url("my-openai")))
    assert output.splitlines()[1:] == ["Hello from the mock of OpenAI: you said 'Write a short poem'."]
