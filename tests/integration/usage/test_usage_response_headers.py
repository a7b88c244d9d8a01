"""Bedrock's InvokeModel says in headers what a model's own document may leave out: log and metrics know it, exactly."""

import gzip
import json

import pytest

from support.bedrock import boto3_client
from support.scripted_provider import Script
from support.usage import TOKEN_FIELDS, assert_counted, logged, post, scripted_gateway, usage_fields

INPUT = "x-amzn-bedrock-input-token-count"
OUTPUT = "x-amzn-bedrock-output-token-count"
CACHED = "x-amzn-bedrock-cache-read-input-token-count"
WRITTEN = "x-amzn-bedrock-cache-write-input-token-count"
INVOKE = "/model/m/invoke"
COHERE = {"response_type": "embeddings_floats", "embeddings": [[0.5, 0.25]], "texts": ["one"]}
STABILITY = {"seeds": [1], "finish_reasons": [None], "images": ["aGVsbG8="]}
CLAUDE = {"id": "i", "model": "c", "stop_reason": "end_turn", "usage": {"input_tokens": 7, "output_tokens": 3}}


def answered(body, coding=None, **headers):
    """A whole document with these headers, in gzip if it is said to be in any coding."""
    content = json.dumps(body).encode()
    headers["content-type"] = "application/json"
    if coding:
        return Script((gzip.compress(content),), headers={**headers, "content-encoding": coding})
    return Script((content,), headers=headers)


CASES = {
    "both": (answered(COHERE, **{INPUT: "12", OUTPUT: "4"}), {"input": 12, "output": 4}),
    "input-only": (answered(COHERE, **{INPUT: "12"}), {"input": 12}),
    "cached-beside-input": (
        answered(COHERE, **{INPUT: "12", OUTPUT: "4", CACHED: "100", WRITTEN: "30"}),
        {"input": 142, "output": 4, "cached_read": 100, "cache_write": 30},
    ),
    "compressed": (answered(STABILITY, "gzip", **{INPUT: "5", OUTPUT: "1"}), {"input": 5, "output": 1}),
    "the-body-says-so-too": (answered(CLAUDE, **{INPUT: "7", OUTPUT: "3"}), {"input": 7, "output": 3}),
    "zero-is-reported": (answered(COHERE, **{INPUT: "0", OUTPUT: "0"}), {"input": 0, "output": 0}),
}
UNKNOWN = {
    "none": answered(COHERE),
    "no-numbers": answered(COHERE, **{INPUT: "many", OUTPUT: "-1"}),
    "fractions": answered(COHERE, **{INPUT: "1.5", OUTPUT: ""}),
    "too-large": answered(COHERE, **{INPUT: "9" * 40}),
}
UNREADABLE = "unreadable-body"
SDK = "sdk"
OTHER_TYPE = "other-type"


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    kinds = dict.fromkeys([*CASES, *UNKNOWN, UNREADABLE, SDK], "bedrock") | {OTHER_TYPE: "openai"}
    with scripted_gateway(world, start_gateway, kinds) as both:
        yield both


def told(gateway, provider):
    """The token counts that the log has of a provider's one request."""
    (entry,) = logged(gateway, provider)
    return {name: value for name, value in usage_fields(entry).items() if name.startswith("gen_ai.usage.")}, entry


def fields(tokens):
    return {TOKEN_FIELDS[token_type]: str(used) for token_type, used in tokens.items()}


@pytest.mark.parametrize("case", CASES)
def test_what_the_headers_say_is_counted(case, scripted, token):
    upstream, gateway = scripted
    upstream.script, tokens = CASES[case]
    answer = post(gateway, token, case, INVOKE)
    assert (answer.status, answer.body) == (200, upstream.script.chunks[0])
    assert answer.header(INPUT) == upstream.script.headers[INPUT]
    assert told(gateway, case)[0] == fields(tokens)
    assert_counted(gateway, case, 1, tokens)


@pytest.mark.parametrize("case", UNKNOWN)
def test_headers_that_say_nothing_are_not_reported_as_zero(case, scripted, token):
    upstream, gateway = scripted
    upstream.script = UNKNOWN[case]
    assert post(gateway, token, case, INVOKE).status == 200
    counts, entry = told(gateway, case)
    assert counts == {}
    assert entry["ai_gateway.usage.incomplete"] == "not_reported"
    assert_counted(gateway, case, 1, {}, unknown="not_reported")


def test_what_the_headers_say_is_counted_of_a_body_that_cannot_be_read_as_perhaps_not_all(scripted, token):
    upstream, gateway = scripted
    upstream.script = answered(COHERE, "br", **{INPUT: "5", OUTPUT: "1"})
    assert post(gateway, token, UNREADABLE, INVOKE).status == 200
    counts, entry = told(gateway, UNREADABLE)
    assert counts == fields({"input": 5, "output": 1})
    assert entry["ai_gateway.usage.incomplete"] == "undecodable"
    assert_counted(gateway, UNREADABLE, 1, {"input": 5, "output": 1}, unknown="undecodable")


def test_what_the_sdk_reads_from_the_headers_is_what_is_counted(scripted, token):
    upstream, gateway = scripted
    upstream.script = answered(COHERE, **{INPUT: "12", OUTPUT: "4"})
    keys = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": "none", "aws_session_token": token}
    client = boto3_client(gateway.url, provider=SDK, **keys)
    answer = client.invoke_model(modelId="cohere.embed-english-v3", body=json.dumps({"texts": ["one"]}))
    assert json.loads(answer["body"].read()) == COHERE
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    tokens = {"input": int(headers[INPUT]), "output": int(headers[OUTPUT])}
    assert tokens == {"input": 12, "output": 4}
    counts, entry = told(gateway, SDK)
    assert counts == fields(tokens)
    assert entry["gen_ai.request.model"] == "cohere.embed-english-v3"
    assert_counted(gateway, SDK, 1, tokens, model="cohere.embed-english-v3")


def test_the_headers_of_another_kind_of_provider_say_nothing(scripted, token):
    upstream, gateway = scripted
    upstream.script = answered({"id": "c"}, **{INPUT: "12", OUTPUT: "4"})
    assert post(gateway, token, OTHER_TYPE, "/v1/chat/completions").status == 200
    assert told(gateway, OTHER_TYPE)[0] == {}
    assert_counted(gateway, OTHER_TYPE, 1, {}, unknown="not_reported")
