"""Token counts in headers of Bedrock's InvokeModel, for models whose body does not have them."""

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


def scripted_response(body, coding=None, **headers):
    """A complete response with these headers, compressed with gzip if `coding` is set."""
    content = json.dumps(body).encode()
    headers["content-type"] = "application/json"
    if coding:
        return Script((gzip.compress(content),), headers={**headers, "content-encoding": coding})
    return Script((content,), headers=headers)


CASES = {
    "both": (scripted_response(COHERE, **{INPUT: "12", OUTPUT: "4"}), {"input": 12, "output": 4}),
    "input-only": (scripted_response(COHERE, **{INPUT: "12"}), {"input": 12}),
    "cached-beside-input": (
        scripted_response(COHERE, **{INPUT: "12", OUTPUT: "4", CACHED: "100", WRITTEN: "30"}),
        {"input": 142, "output": 4, "cached_read": 100, "cache_write": 30},
    ),
    "compressed": (scripted_response(STABILITY, "gzip", **{INPUT: "5", OUTPUT: "1"}), {"input": 5, "output": 1}),
    "the-body-says-so-too": (scripted_response(CLAUDE, **{INPUT: "7", OUTPUT: "3"}), {"input": 7, "output": 3}),
    "zero-is-reported": (scripted_response(COHERE, **{INPUT: "0", OUTPUT: "0"}), {"input": 0, "output": 0}),
}
UNKNOWN = {
    "none": scripted_response(COHERE),
    "no-numbers": scripted_response(COHERE, **{INPUT: "many", OUTPUT: "-1"}),
    "fractions": scripted_response(COHERE, **{INPUT: "1.5", OUTPUT: ""}),
    "too-large": scripted_response(COHERE, **{INPUT: "9" * 40}),
}
UNREADABLE = "unreadable-body"
SDK = "sdk"
OTHER_TYPE = "other-type"


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    kinds = dict.fromkeys([*CASES, *UNKNOWN, UNREADABLE, SDK], "bedrock") | {OTHER_TYPE: "openai"}
    with scripted_gateway(world, start_gateway, kinds) as both:
        yield both


def logged_counts(gateway, provider):
    """The token counts in the access log entry of a provider's only request."""
    (entry,) = logged(gateway, provider)
    return {name: value for name, value in usage_fields(entry).items() if name.startswith("gen_ai.usage.")}, entry


def fields(tokens):
    return {TOKEN_FIELDS[token_type]: str(used) for token_type, used in tokens.items()}


@pytest.mark.parametrize("case", CASES)
def test_token_counts_in_headers_are_used(case, scripted, token):
    upstream, gateway = scripted
    upstream.script, tokens = CASES[case]
    answer = post(gateway, token, case, INVOKE)
    assert (answer.status, answer.body) == (200, upstream.script.chunks[0])
    assert answer.header(INPUT) == upstream.script.headers[INPUT]
    assert logged_counts(gateway, case)[0] == fields(tokens)
    assert_counted(gateway, case, 1, tokens)


@pytest.mark.parametrize("case", UNKNOWN)
def test_missing_or_invalid_header_counts_are_unknown_rather_than_zero(case, scripted, token):
    upstream, gateway = scripted
    upstream.script = UNKNOWN[case]
    assert post(gateway, token, case, INVOKE).status == 200
    counts, entry = logged_counts(gateway, case)
    assert counts == {}
    assert entry["ai_gateway.usage.incomplete"] == "not_reported"
    assert_counted(gateway, case, 1, {}, unknown="not_reported")


def test_header_counts_of_an_unreadable_body_are_marked_incomplete(scripted, token):
    upstream, gateway = scripted
    upstream.script = scripted_response(COHERE, "br", **{INPUT: "5", OUTPUT: "1"})
    assert post(gateway, token, UNREADABLE, INVOKE).status == 200
    counts, entry = logged_counts(gateway, UNREADABLE)
    assert counts == fields({"input": 5, "output": 1})
    assert entry["ai_gateway.usage.incomplete"] == "undecodable"
    assert_counted(gateway, UNREADABLE, 1, {"input": 5, "output": 1}, unknown="undecodable")


def test_the_counts_equal_those_that_the_sdk_reads_from_the_headers(scripted, token):
    upstream, gateway = scripted
    upstream.script = scripted_response(COHERE, **{INPUT: "12", OUTPUT: "4"})
    keys = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": "none", "aws_session_token": token}
    client = boto3_client(gateway.url, provider=SDK, **keys)
    answer = client.invoke_model(modelId="cohere.embed-english-v3", body=json.dumps({"texts": ["one"]}))
    assert json.loads(answer["body"].read()) == COHERE
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    tokens = {"input": int(headers[INPUT]), "output": int(headers[OUTPUT])}
    assert tokens == {"input": 12, "output": 4}
    counts, entry = logged_counts(gateway, SDK)
    assert counts == fields(tokens)
    assert entry["gen_ai.request.model"] == "cohere.embed-english-v3"
    assert_counted(gateway, SDK, 1, tokens, model="cohere.embed-english-v3")


def test_such_headers_of_other_providers_are_ignored(scripted, token):
    upstream, gateway = scripted
    upstream.script = scripted_response({"id": "c"}, **{INPUT: "12", OUTPUT: "4"})
    assert post(gateway, token, OTHER_TYPE, "/v1/chat/completions").status == 200
    assert logged_counts(gateway, OTHER_TYPE)[0] == {}
    assert_counted(gateway, OTHER_TYPE, 1, {}, unknown="not_reported")
