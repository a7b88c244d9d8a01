"""Recorded responses of every API pass unchanged, compressed or not and however chunked, and their usage is exact."""

import json
import random
import zlib

import pytest

from support.scripted_provider import Script
from support.usage import TOKEN_FIELDS, assert_counted, logged, post, scripted_gateway, usage_fields
from tools.gateway import PROJECT

STREAMS = PROJECT / "tests" / "streams"
CONTENT_TYPES = {
    ".sse": "text/event-stream; charset=utf-8",
    ".json": "application/json",
    ".bin": "application/vnd.amazon.eventstream",
}
CUTS = 15
INTERVAL_S = 0.001
CODINGS = {"identity": None, "gzip": 31, "deflate": 15}
"""zlib's `wbits` for each content coding."""

APIS = {
    "chat_completions": ("openai_compatible", "/v1/chat/completions", "openai_compatible", "chat"),
    "responses": ("openai", "/v1/responses", "openai", "chat"),
    "messages": ("anthropic", "/v1/messages", "anthropic", "chat"),
    "generate_content": ("google", "/v1beta/models/m:generateContent", "gcp.gemini", "generate_content"),
    "interactions": ("google", "/v1beta/interactions", "gcp.gemini", "chat"),
    "converse": ("bedrock", "/model/m/converse", "aws.bedrock", "chat"),
    "invoke_model": ("bedrock", "/model/m/invoke", "aws.bedrock", "text_completion"),
}
"""Provider type, path, and the labels `system` and `operation`, by folder."""

OTHER_PATHS = {
    "embeddings": ("/v1/embeddings", "embeddings"),
    "voyage_embeddings": ("/v1/embeddings", "embeddings"),
    "decision": ("/v1/decisions", "other"),
    "legacy_completions": ("/v1/completions", "text_completion"),
    "images": ("/v1/images/generations", "image_generation"),
    "images_stream": ("/v1/images/generations", "image_generation"),
    "embed_content": ("/v1beta/models/m:embedContent", "embeddings"),
}
EXPECTED_USAGE = {
    folder.name: json.loads((folder / "usage.json").read_text()) for folder in STREAMS.iterdir() if folder.is_dir()
}
RECORDINGS = sorted(path for path in STREAMS.glob("*/*") if path.suffix in CONTENT_TYPES and path.name != "usage.json")


def name(recording):
    """The name of the recording's own provider, so that each recording has its own counters."""
    return f"{recording.parent.name}-{recording.stem}".replace("_", "-")


def pieces(body):
    """The body cut at random places, which are the same in each run."""
    places = sorted(random.Random(len(body)).sample(range(1, len(body)), min(CUTS, len(body) - 1)))
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def encoded(chunks, wbits):
    """The chunks in a content coding, each of them flushed."""
    if wbits is None:
        return chunks
    compressor = zlib.compressobj(wbits=wbits)
    flushed = [compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH) for chunk in chunks]
    return [*flushed, compressor.flush()]


def expected_tokens(usage):
    """Token counts by type, in the form that is comparable across providers."""
    reported = usage | {"input": usage.get("total_input"), "output": usage.get("total_output")}
    return {kind: reported[kind] for kind in TOKEN_FIELDS if reported.get(kind) is not None}


def expected_fields(usage):
    """The usage fields that the access log must have, and no others."""
    fields = {TOKEN_FIELDS[kind]: str(used) for kind, used in expected_tokens(usage).items()}
    other_fields = {
        "model": "gen_ai.response.model",
        "response_id": "gen_ai.response.id",
        "finish_reason": "gen_ai.response.finish_reasons",
        "incomplete": "ai_gateway.usage.incomplete",
    }
    return fields | {field: usage[member] for member, field in other_fields.items() if member in usage}


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    kinds = {name(recording): APIS[recording.parent.name][0] for recording in RECORDINGS}
    with scripted_gateway(world, start_gateway, kinds) as both:
        yield both


@pytest.mark.parametrize("recording", RECORDINGS, ids=name)
def test_recordings_pass_unchanged_with_exact_usage(recording, scripted, token):
    upstream, gateway = scripted
    _, path, system, operation = APIS[recording.parent.name]
    path, operation = OTHER_PATHS.get(recording.stem, (path, operation))
    body, provider = recording.read_bytes(), name(recording)
    usage = EXPECTED_USAGE[recording.parent.name][recording.stem]
    for coding, wbits in CODINGS.items():
        for chunks in ([body], pieces(body)):
            headers = {"content-type": CONTENT_TYPES[recording.suffix], "content-encoding": coding}
            upstream.script = Script(tuple(encoded(chunks, wbits)), headers=headers, interval_s=INTERVAL_S)
            answer = post(gateway, token, provider, path)
            assert (answer.status, answer.body) == (200, b"".join(upstream.script.chunks))
            assert answer.header("content-encoding") == coding
    requests = 2 * len(CODINGS)
    for entry in logged(gateway, provider, requests):
        assert usage_fields(entry) == expected_fields(usage)
        assert (entry["gen_ai.provider.name"], entry["gen_ai.operation.name"]) == (system, operation)
    labels = {"system": system, "operation": operation, "unknown": usage.get("incomplete")}
    assert_counted(gateway, provider, requests, expected_tokens(usage), **labels)
