"""Request paths: what a client sends and what the provider receives, byte for byte."""

import pytest

from support.client import APIS, BEARER, exchange
from support.gateway_config import PREFIX, configuration, provider

GENERATE = "models/gemini-2.0-flash:generateContent"

CLIENTS = [
    # Client, provider, path as sent, path as received.
    ("OpenAI SDK, proxy URL: chat", "my-openai", "/chat/completions", "/v1/chat/completions"),
    ("OpenAI SDK, proxy URL: responses", "my-openai", "/responses", "/v1/responses"),
    ("OpenAI SDK, proxy URL: embeddings", "my-openai", "/embeddings", "/v1/embeddings"),
    ("OpenAI SDK, proxy URL: models", "my-openai", "/models", "/v1/models"),
    ("OpenAI SDK, proxy URL: files", "my-openai", "/files", "/v1/files"),
    ("OpenAI SDK, proxy URL + /v1: chat", "my-openai", "/v1/chat/completions", "/v1/chat/completions"),
    ("OpenAI SDK, proxy URL + /v1: responses", "my-openai", "/v1/responses", "/v1/responses"),
    ("OpenAI SDK, proxy URL + /v1: embeddings", "my-openai", "/v1/embeddings", "/v1/embeddings"),
    ("OpenAI SDK, proxy URL + /v1: models", "my-openai", "/v1/models/gpt-4.1", "/v1/models/gpt-4.1"),
    ("OpenAI SDK, proxy URL + /v1: files", "my-openai", "/v1/files", "/v1/files"),
    ("Codex", "my-openai", "/v1/models?client_version=0.169.0", "/v1/models?client_version=0.169.0"),
    ("Anthropic SDK: messages", "my-anthropic", "/v1/messages", "/v1/messages"),
    ("Anthropic SDK: tokens", "my-anthropic", "/v1/messages/count_tokens", "/v1/messages/count_tokens"),
    ("Anthropic SDK: models", "my-anthropic", "/v1/models", "/v1/models"),
    ("Claude Code", "my-anthropic", "/v1/messages?beta=true", "/v1/messages?beta=true"),
    ("AI SDK for Anthropic, proxy URL", "my-anthropic", "/messages", "/v1/messages"),
    ("Google SDK 3: generate", "my-google", f"/v1/{GENERATE}", f"/v1/{GENERATE}"),
    (
        "Google SDK 3: stream",
        "my-google",
        "/v1/models/gemini-2.0-flash:streamGenerateContent?alt=sse",
        "/v1/models/gemini-2.0-flash:streamGenerateContent?alt=sse",
    ),
    ("Google SDK 3: tokens", "my-google", "/v1/models/g:countTokens", "/v1/models/g:countTokens"),
    ("Google SDK 3: embeddings", "my-google", "/v1/models/g:batchEmbedContents", "/v1/models/g:batchEmbedContents"),
    ("Google SDK 1 and for JavaScript", "my-google", f"/v1beta/{GENERATE}", f"/v1beta/{GENERATE}"),
    ("AI SDK for Google, LiteLLM", "my-google", f"/{GENERATE}", f"/v1beta/{GENERATE}"),
    ("Google's SDK, a base URL with version", "my-google", "/v1beta/v1beta/models", "/v1beta/models"),
    ("Anthropic's SDK, a base URL with version", "my-anthropic", "/v1/v1/messages", "/v1/messages"),
    ("OpenAI's SDK, a base URL with version", "my-openai", "/v1/v1/chat/completions", "/v1/chat/completions"),
    ("Google's OpenAI paths", "my-google", "/v1beta/openai/models", "/v1beta/openai/models"),
    ("Google's OpenAI paths, no version", "my-google", "/openai/models", "/v1beta/openai/models"),
    ("OpenAI SDK, compatible provider", "my-vllm", "/chat/completions", "/openai/v1/chat/completions"),
    ("the same, proxy URL + /v1", "my-vllm", "/v1/chat/completions", "/openai/v1/chat/completions"),
    ("Groq's SDK", "my-vllm", "/openai/v1/chat/completions", "/openai/v1/chat/completions"),
    (
        "Azure's client of OpenAI's SDKs",
        "my-vllm",
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
    ),
    (
        "a model with a slash",
        "my-vllm",
        "/models/meta-llama/Llama-3.3-70B-Instruct",
        "/openai/v1/models/meta-llama/Llama-3.3-70B-Instruct",
    ),
]

BASE_URLS = [
    # Provider type, path of its base URL, path as sent, path as received.
    ("openai_compatible", "/v1", "/api/chat", "/api/chat"),  # Ollama's clients
    ("openai_compatible", "/v1", "/v2/chat", "/v2/chat"),  # Cohere's clients
    ("openai", "", "/chat/completions", "/v1/chat/completions"),
    ("openai", "", "/v1/chat/completions", "/v1/chat/completions"),
    ("openai", "/v1/", "/chat/completions", "/v1/chat/completions"),
    ("openai_compatible", "/v1", "/v1/models", "/v1/models"),
    ("openai_compatible", "/api/v1", "/v1/chat/completions", "/api/v1/chat/completions"),
    ("openai_compatible", "/api/v1", "/chat/completions", "/api/v1/chat/completions"),
    ("openai_compatible", "/tenant", "/chat/completions", "/tenant/v1/chat/completions"),
    ("openai_compatible", "/tenant", "/v1/chat/completions", "/tenant/v1/chat/completions"),
    ("openai_compatible", "/v1beta/openai", "/chat/completions", "/v1beta/openai/chat/completions"),
    ("openai_compatible", "/v1beta/openai", "/v1/chat/completions", "/v1beta/openai/chat/completions"),
    ("anthropic", "/v1", "/v1/messages", "/v1/messages"),
    ("anthropic", "/v1", "/messages", "/v1/messages"),
    ("anthropic", "/mirror", "/v1/messages", "/mirror/v1/messages"),
    ("google", "/v1beta", f"/v1beta/{GENERATE}", f"/v1beta/{GENERATE}"),
    ("google", "/v1beta", f"/{GENERATE}", f"/v1beta/{GENERATE}"),
]

AS_SENT = [
    "/v1/files/a%2Fb%3Ac%20d",
    "/v1/files/a%2fb%3ac",
    "/v1//files///x//",
    "/v1/files/",
    "/v1/files/!$&'()*+,;=:@-._~",
    '/v1/files/"<>[]^`{|}\\',
    "/v1/files/%",
    "/v1/files/%zz%20%c3%28",
    "/v1/files/%C3%A4%FF",
    "/v1/files/v1.2/...a/.b",
    "/v1/files?",
    "/v1/files?a=1&&a=2&=&b",
    "/v1/files?api-version=1&x=a+b%26c%2F&y=%zz?&z=/../.",
    "/v1/files?monkey=1&key2=2&keys=3&keyx=4&x=key=5",
]

WITHOUT_CREDENTIALS = [
    # Query as sent, with the token in place of {}, and query as received.
    ("?key={}", ""),
    ("?key={}&alt=sse", "?alt=sse"),
    ("?alt=sse&key={}", "?alt=sse"),
    ("?a=1&key={}&b=%2F&&c", "?a=1&b=%2F&&c"),
    ("?%6Bey={}&monkey=%6B", "?monkey=%6B"),
]

DOT_SEGMENTS = [
    "/..",
    "/.",
    "/../my-anthropic/v1/messages",
    "/v1/../../my-anthropic/v1/messages",
    "/v1/./files",
    "/v1/%2e%2e/files",
    "/v1/%2E%2e/files",
    "/v1/.%2E/files",
    "/v1/%2e/files",
    "/v1/..%2Ffiles",
    "/v1/..%5cfiles",
    "/v1/..;x/files",
    "/v1\\..\\files",
    "/v1/files/..?x=1",
]


@pytest.fixture
def received(world, token):
    """The request target that the mock of a provider type receives. The token is sent where that type expects it."""

    def send(gateway, kind, name, target):
        api = APIS[kind]
        credential = [] if token in target else [api.token.filled(token)]
        if "/openai/" in target:
            credential = [BEARER.filled(token)]
        answer = exchange(gateway, "POST", f"{PREFIX}/{name}{target}", credential, b"{}")
        recorded = api.upstream(world).requests
        assert len(recorded) == 1, answer
        return recorded[0].path

    return send


KINDS = {api.provider: kind for kind, api in APIS.items()}


@pytest.mark.parametrize(("name", "sent", "path"), [row[1:] for row in CLIENTS], ids=[row[0] for row in CLIENTS])
def test_the_upstream_path_is_that_of_the_providers_own_api(name, sent, path, gateway, received):
    assert received(gateway, KINDS[name], name, sent) == path


@pytest.fixture(scope="module")
def other_bases(world, start_gateway):
    """A gateway with a provider for each of `BASE_URLS`, and one whose paths have no version."""
    whole = configuration(world)
    whole["providers"] = [
        provider(f"p{index}", kind, APIS[kind].upstream(world)) | {"base_url": APIS[kind].upstream(world).url + base}
        for index, (kind, base, _, _) in enumerate(BASE_URLS)
    ]
    base_url = world.compatible.url + "/inference"
    versionless = {"base_url": base_url, "paths_without_version": True}
    whole["providers"].append(provider("versionless", "openai_compatible", world.compatible) | versionless)
    with start_gateway(whole) as gateway:
        yield gateway


@pytest.mark.parametrize("index", range(len(BASE_URLS)), ids=[" + ".join(row[:3]) for row in BASE_URLS])
def test_the_version_occurs_once_in_the_path_for_every_base_url(index, other_bases, received):
    kind, _, sent, path = BASE_URLS[index]
    assert received(other_bases, kind, f"p{index}", sent) == path


@pytest.mark.parametrize("sent", ["/chat/completions", "/v1/chat/completions"])
def test_a_provider_whose_paths_have_no_version_gets_none(sent, other_bases, received):
    assert received(other_bases, "openai_compatible", "versionless", sent) == "/inference/chat/completions"


@pytest.mark.parametrize("target", AS_SENT)
def test_path_and_query_pass_byte_for_byte(target, gateway, received):
    assert received(gateway, "openai", "my-openai", target) == target


@pytest.mark.parametrize(("sent", "query"), WITHOUT_CREDENTIALS, ids=[row[0] for row in WITHOUT_CREDENTIALS])
def test_a_key_parameter_with_the_token_is_removed_from_the_query(sent, query, gateway, received, token):
    target = f"/v1beta/{GENERATE}"
    assert received(gateway, "google", "my-google", target + sent.format(token)) == target + query


@pytest.mark.parametrize("target", DOT_SEGMENTS)
def test_a_dot_segment_is_refused(target, world, gateway, token):
    answer = exchange(gateway, "POST", f"{PREFIX}/my-openai{target}", [BEARER.filled(token)], b"{}")
    assert (answer.status, answer.code) == (400, "path_invalid")
    assert not world.openai.requests + world.anthropic.requests


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", "path_not_found"),
        ("/llm/v1/provider/my-openai/models", "path_not_found"),
        ("/llm/v1/providersmy-openai/models", "path_not_found"),
        ("/LLM/v1/providers/my-openai/models", "path_not_found"),
        (f"{PREFIX}//my-openai/models", "provider_not_found"),
        (f"{PREFIX}/My-OpenAI/models", "provider_not_found"),
        (f"{PREFIX}/my%2Dopenai/models", "provider_not_found"),
        (f"{PREFIX}/my-openai", "upstream_path_missing"),
        (f"{PREFIX}/my-openai/", "upstream_path_missing"),
    ],
)
def test_unknown_paths_are_a_404_with_a_token_and_a_401_without(path, code, world, gateway, token):
    answer = exchange(gateway, "POST", path, [BEARER.filled(token)], b"{}")
    assert (answer.status, answer.code) == (404, code)
    assert exchange(gateway, "POST", path, body=b"{}").code == "token_missing"
    assert not world.openai.requests
