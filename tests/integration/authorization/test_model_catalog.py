"""The model catalog: a request may only use the models that are configured for its provider."""

import gzip
import json
import time

import anthropic
import httpx
import openai
import pytest
from google.genai import errors

from mocks.faults import Fault
from support.bootstrap import without_body_delivery
from support.client import BEARER, MESSAGES, exchange, google_client, wait_until
from support.gateway_config import PREFIX, configuration
from support.issuers import entry, identity_provider, running
from support.scripted_provider import Script, ScriptedProvider
from support.slow_upload import Recorder, Upload

JSON = ("content-type", "application/json")
CHAT = f"{PREFIX}/my-openai/v1/chat/completions"
CATALOGS = {
    "my-openai": ["gpt-4o", "gpt-4o-mini", "text-embedding-*"],
    "my-anthropic": ["claude-sonnet-4-6"],
    "my-google": ["gemini-2.0-flash"],
    "my-vllm": ["meta-llama/Llama-3.3-70B-Instruct"],
    "my-claude": ["claude-sonnet-4-6"],
}


def chat(model, **members):
    return {"messages": MESSAGES, "model": model, **members}


def with_catalogs(world, **changes):
    whole = configuration(world)
    for provider in whole["providers"]:
        if provider["name"] in CATALOGS:
            provider["models"] = CATALOGS[provider["name"]]
    return whole | changes


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    with start_gateway(with_catalogs(world)) as gateway:
        yield gateway


@pytest.fixture
def post(gateway, token):
    """A POST request to a path below the prefix."""

    def post(path, body, *more, gateway=gateway, token=token, headers=None):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return exchange(gateway, "POST", PREFIX + path, headers or [BEARER.filled(token), *more], content)

    return post


@pytest.fixture
def openai_client(proxy_url, token):
    with openai.OpenAI(base_url=proxy_url("my-openai"), api_key=token, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(proxy_url, token):
    with anthropic.Anthropic(base_url=proxy_url("my-anthropic"), auth_token=token, max_retries=0) as client:
        yield client


def test_openais_sdk_uses_and_lists_the_catalog(openai_client, world):
    client = openai_client
    assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
    assert [chunk.model for chunk in stream]
    assert client.embeddings.create(model="text-embedding-3-small", input="hi").data
    served = len(world.openai.requests)
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="gpt-9", messages=MESSAGES)
    assert refused.value.code == "model_not_found"
    assert "gpt-9" in refused.value.message and "my-openai" in refused.value.message
    assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]
    assert client.models.retrieve("gpt-4o").owned_by == "my-openai"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")
    assert len(world.openai.requests) == served


def test_anthropics_sdk_uses_and_lists_the_catalog(anthropic_client, world):
    client = anthropic_client
    ask = {"max_tokens": 9, "messages": MESSAGES}
    assert client.messages.create(model="claude-sonnet-4-6", **ask).content
    with client.messages.stream(model="claude-sonnet-4-6", **ask) as stream:
        assert stream.get_final_text()
    assert client.messages.count_tokens(model="claude-sonnet-4-6", messages=MESSAGES).input_tokens
    served = len(world.anthropic.requests)
    with pytest.raises(anthropic.NotFoundError, match="claude-9"):
        client.messages.create(model="claude-9", **ask)
    with pytest.raises(anthropic.NotFoundError, match="claude-9"):
        client.messages.batches.create(
            requests=[{"custom_id": "a", "params": {"model": "claude-9", **ask}}],
        )
    advisor = {"type": "advisor_20260301", "name": "advisor", "model": "claude-9"}
    with pytest.raises(anthropic.NotFoundError, match="claude-9"):
        client.beta.messages.create(model="claude-sonnet-4-6", tools=[advisor], **ask)
    assert [model.id for model in client.models.list()] == ["claude-sonnet-4-6"]
    assert client.models.retrieve("claude-sonnet-4-6").display_name == "claude-sonnet-4-6"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-9")
    assert len(world.anthropic.requests) == served


def test_googles_sdk_uses_and_lists_the_catalog(proxy_url, world, token):
    client = google_client(proxy_url("my-google"), token)
    assert client.models.generate_content(model="gemini-2.0-flash", contents="hi").text
    assert [chunk.text for chunk in client.models.generate_content_stream(model="gemini-2.0-flash", contents="hi")]
    served = len(world.google.requests)
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="gemini-9", contents="hi")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    assert "gemini-9" in refused.value.message
    assert [model.name for model in client.models.list()] == ["models/gemini-2.0-flash"]
    assert client.models.get(model="gemini-2.0-flash").name == "models/gemini-2.0-flash"
    with pytest.raises(errors.ClientError):
        client.models.get(model="gemini-9")
    assert len(world.google.requests) == served


def test_bedrocks_model_is_read_from_the_path(world, start_gateway, token):
    provider = {
        "name": "my-bedrock",
        "type": "bedrock",
        "region": "us-east-1",
        "base_url": world.bedrock.base_url,
        "credentials": {"bedrock_api_key": {"value": world.bedrock.api_key}},
        "models": ["us.anthropic.claude-*", "m-v1:0"],
    }
    with start_gateway(configuration(world) | {"providers": [provider]}) as gateway:
        statuses = {}
        for model in ("m-v1:0", "m-v1%3A0", "us.anthropic.claude-x", "m-v1:1", "us.meta.llama"):
            url = f"{gateway.url}{PREFIX}/my-bedrock/model/{model}/converse"
            body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
            answer = httpx.post(url, json=body, headers=dict([BEARER.filled(token)]))
            statuses[model] = answer.status_code
    assert statuses == {
        "m-v1:0": 200, "m-v1%3A0": 200, "us.anthropic.claude-x": 200, "m-v1:1": 404, "us.meta.llama": 404,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"model":"gpt-9","messages":[]}', 404, "model_not_found"),
        (b'{"mod\\u0065l":"gpt-9"}', 404, "model_not_found"),
        (b'{"x":{"model":"gpt-4o"},"y":"\\"model\\":\\"gpt-4o\\""}', 400, "model_missing"),
        (b'{"model":["gpt-4o"]}', 400, "model_missing"),
        (b'{"model":null}', 400, "model_missing"),
        (b"{}", 400, "model_missing"),
        (b"", 400, "model_missing"),
        (b'{"model":"gpt-4o","model":"gpt-9"}', 400, "model_ambiguous"),
        (b'{"model":"gpt-4o","Model":"gpt-9"}', 400, "model_ambiguous"),
        (b'{"model":"gpt-4o","models":["gpt-9"]}', 404, "model_not_found"),
        (b'{"model":"gpt-4o","fallbacks":[{"model":"gpt-9"}]}', 404, "model_not_found"),
        (b'{"model":"gpt-4o","tools":[{"type":"image_generation","model":"gpt-9"}]}', 404, "model_not_found"),
        (b'{"model":"gpt-4o"/*,"model":"gpt-9"*/}', 400, "body_not_json"),
        (b"{'model':'gpt-9',\"model\":\"gpt-4o\"}", 400, "body_not_json"),
        (b'{"model":"gpt-4o"} {"model":"gpt-9"}', 400, "body_not_json"),
        (b"model=gpt-4o", 400, "body_not_json"),
        (b'{"model":"gpt-4o"', 200, None),
    ],
)
def test_ambiguous_bodies_are_refused(post, world, body, status, code):
    answer = post("/my-openai/v1/chat/completions", body, JSON)
    if code is None:  # a truncated document names a model, and the provider refuses it
        assert answer.header("x-ai-gateway-error") is None and answer.status == 400
        return
    assert (answer.status, answer.header("x-ai-gateway-error")) == (status, code), answer.body
    assert world.openai.requests == []


def test_a_body_that_cannot_be_read_is_refused(post, world):
    path, body = "/my-openai/v1/chat/completions", json.dumps(chat("gpt-4o")).encode()
    zipped = post(path, gzip.compress(body), JSON, ("content-encoding", "gzip"))
    assert (zipped.status, zipped.code) == (415, "body_encoded")
    for content_type in ("multipart/form-data; boundary=x", "text/plain", "application/json; charset=utf-7"):
        answer = post(path, body, ("content-type", content_type))
        assert (answer.status, answer.code) == (400, "body_not_json"), content_type
    assert world.openai.requests == []


def test_files_are_allowed_and_batches_refused(openai_client, world):
    assert openai_client.files.create(file=("a.jsonl", b"{}"), purpose="batch").id
    with pytest.raises(openai.PermissionDeniedError) as refused:
        openai_client.batches.create(input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h")
    assert refused.value.code == "operation_not_allowed"
    with pytest.raises(openai.PermissionDeniedError) as refused:
        openai_client.realtime.client_secrets.create(session={"type": "realtime", "model": "gpt-9"})
    assert refused.value.code == "operation_not_allowed"
    assert [request.path for request in world.openai.requests] == ["/v1/files"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/my-openai/openai/%64eployments/gpt-9/chat/completions", chat("gpt-4o"), 404, "model_not_found"),
        ("/my-openai/openai/Deployments/gpt-9/chat/completions", chat("gpt-4o"), 404, "model_not_found"),
        ("/my-openai/x/deployments/gpt-9/chat/completions", chat("gpt-4o"), 403, "operation_not_allowed"),
        ("/my-openai/v1/chat%2Fcompletions", chat("gpt-4o"), 403, "operation_not_allowed"),
        ("/my-openai/v1/chat/completions;x", chat("gpt-4o"), 403, "operation_not_allowed"),
        ("/my-openai/v1/no/such/path", chat("gpt-4o"), 403, "operation_not_allowed"),
        ("/my-google/v1beta/models/gemini-9%3AgenerateContent", {"model": "gemini-2.0-flash"}, 404, "model_not_found"),
        ("/my-google/v1beta/models/gemini-2.0-flash:unknown", {}, 403, "operation_not_allowed"),
    ],
)
def test_no_spelling_of_a_path_hides_the_model(post, world, token, path, body, status, code):
    headers = [("x-goog-api-key", token), JSON] if "google" in path else [BEARER.filled(token), JSON]
    answer = post(path, body, headers=headers)
    assert (answer.status, answer.code) == (status, code), answer.body
    assert not world.openai.requests + world.google.requests


def test_denied_paths_are_closed_in_any_spelling(world, start_gateway, post):
    whole = configuration(world)
    whole["providers"][0]["paths_denied"] = ["realtime/client_secrets", "files/**"]
    with start_gateway(whole) as gateway:
        for path in (
            "/v1/realtime/client_secrets",
            "/v1/realtime/%63lient_secrets",
            "/v1//Realtime/client_secrets/",
            "/v1/realtime%2Fclient_secrets",
            "/v1/v1/files/f",
        ):
            answer = post("/my-openai" + path, b"{}", JSON, gateway=gateway)
            assert (answer.status, answer.code) == (403, "path_not_allowed"), path
        assert not world.openai.requests
        assert post("/my-openai/v1/chat/completions", chat("gpt-4o"), JSON, gateway=gateway).status == 200


def test_an_operator_can_allow_paths_without_a_model(world, start_gateway, post):
    whole = with_catalogs(world, unlisted_model_status=403)
    whole["providers"][0]["paths_without_model"] = ["no/such/*"]
    with start_gateway(whole) as gateway:
        answer = post("/my-openai/v1/no/such/path", b"x", gateway=gateway)
        assert answer.header("x-ai-gateway-error") is None
        refused = post("/my-openai/v1/chat/completions", chat("gpt-9"), JSON, gateway=gateway)
        assert (refused.status, refused.code) == (403, "model_not_found")


def test_a_model_late_in_the_body_is_found_up_to_a_limit(world, start_gateway, post, gateway):
    long = {"messages": [{"role": "user", "content": "x" * 3_000_000}], "model": "gpt-4o"}
    assert post("/my-openai/v1/chat/completions", long, JSON).status == 200
    with start_gateway(with_catalogs(world, max_model_lookup_bytes=100_000)) as short:
        refused = post("/my-openai/v1/chat/completions", long, JSON, gateway=short)
        assert (refused.status, refused.code) == (413, "model_too_late")
        early = {"model": "gpt-4o", "messages": long["messages"]}
        assert post("/my-openai/v1/chat/completions", early, JSON, gateway=short).status == 200


@pytest.fixture(scope="module")
def recording(world, start_gateway):
    """An upstream that records what it receives, and a gateway where it has a catalog."""
    with Recorder() as recorder:
        provider = {
            "name": "my-openai",
            "type": "openai",
            "base_url": recorder.url,
            "api_key": {"value": "key"},
            "models": ["m"],
        }
        # In hosts that lose a piece of the body, an upload that has waited for keys continues only with its next piece.
        with start_gateway(configuration(world) | {"providers": [provider]}, concurrency=1) as gateway:
            headers = [BEARER.filled(world.identity_provider.mint())]
            assert exchange(gateway, "GET", PREFIX, headers).status == 200
            yield recorder, gateway


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
def test_a_body_is_forwarded_as_soon_as_its_model_is_known(recording, token, framing):
    recorder, gateway = recording
    pieces = [b'{"messages":[{"role":"user",', b'"content":"hi"}],"model":"m",', b'"stream":', b"true}"]
    upload = Upload(gateway, CHAT, token, framing, sum(map(len, pieces)))
    connection = recorder.expect()
    upload.send(pieces[0])
    time.sleep(0.3)
    assert connection.body() == b""
    for index, piece in enumerate(pieces[1:], start=2):
        upload.send(piece, is_last=index == len(pieces))
        sent = b"".join(pieces[:index])
        wait_until(lambda sent=sent: connection.body() == sent)
    assert upload.status() == 200
    assert connection.is_complete()


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
@pytest.mark.parametrize("rest", [b',"model":"evil"}', b',"m\\u006fdel":"evil"}', b'}{"model":"evil"}'])
def test_a_second_model_never_reaches_the_upstream(recording, token, framing, rest):
    recorder, gateway = recording
    begin = b'{"model":"m","messages":[]'
    upload = Upload(gateway, CHAT, token, framing, len(begin + rest))
    connection = recorder.expect()
    upload.send(begin)
    wait_until(lambda: connection.body() == begin)
    upload.send(rest, is_last=True)
    assert upload.status() == 400
    assert upload.code() in ("model_ambiguous", "body_not_json")
    wait_until(connection.is_closed)
    assert connection.body() == begin
    assert not connection.is_complete()


def test_a_request_that_waits_for_keys_waits_for_its_model_too(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["jwks"] = Fault(delay_s=1)
        whole = with_catalogs(world, authentication={"issuers": [entry(issuer)]})
        with start_gateway(whole, concurrency=1) as gateway:
            headers = [BEARER.filled(issuer.mint()), JSON]
            answers = [
                exchange(gateway, "POST", CHAT, headers, json.dumps(chat(model)).encode())
                for model in ("gpt-4o", "gpt-9")
            ]
    assert [answer.status for answer in answers] == [200, 404]


def test_a_host_that_does_not_deliver_bodies_gets_a_500_within_five_seconds(world, start_gateway, post):
    with start_gateway(with_catalogs(world), edit_plugin=without_body_delivery) as gateway:
        started = time.monotonic()
        answer = post("/my-openai/v1/chat/completions", chat("gpt-4o"), JSON, gateway=gateway)
        assert time.monotonic() - started < 5.5  # 5 s plus the delay of a busy machine
        assert (answer.status, answer.code) == (500, "body_withheld")
        assert "allow_on_headers_stop_iteration" in answer.message
        assert post("/my-openai/v1/files", b"", gateway=gateway).code != "body_withheld"


def test_bindings_restrict_the_catalog_and_change_the_price(world, start_gateway, post):
    whole = with_catalogs(world)
    whole["providers"][0]["prices"] = {"*": {"input": 1000, "output": 1000}}
    whole["authorization"] = {
        "bindings": [
            {"subject": "few", "permissions": ["get", "invoke"], "providers": ["my-openai"],
             "models": ["gpt-4o-mini"], "prices": {"gpt-4o-mini": {"input": 0, "output": 0}}},
        ]
    }  # fmt: skip
    with start_gateway(whole, concurrency=1) as gateway:
        few = world.identity_provider.mint({"sub": "few", "permissions": []})
        path = "/my-openai/v1/chat/completions"
        assert post(path, chat("gpt-4o-mini"), JSON, gateway=gateway, token=few).status == 200
        refused = post(path, chat("gpt-4o"), JSON, gateway=gateway, token=few)
        assert (refused.status, refused.code) == (404, "model_not_found")
        listed = exchange(gateway, "GET", f"{PREFIX}/my-openai/v1/models", [BEARER.filled(few)])
        assert [model["id"] for model in listed.json()["data"]] == ["gpt-4o-mini"]
        shown = exchange(gateway, "GET", f"{PREFIX}/my-openai", [BEARER.filled(few)])
        assert shown.json()["models"] == ["gpt-4o-mini"]

        def cost():
            totals = exchange(gateway, "GET", "/llm/v1/usage", [BEARER.filled(few)]).json()
            return totals["providers"][0].get("cost")

        wait_until(lambda: cost() == 0)
        assert post(path, chat("gpt-4o-mini"), JSON, gateway=gateway).status == 200
        wait_until(lambda: cost() > 0)


def test_a_websocket_names_its_model_in_the_query(world, start_gateway, token):
    upgrade = [
        ("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), BEARER.filled(token),
    ]  # fmt: skip
    with ScriptedProvider() as upstream:
        upstream.script = Script()
        provider = {"name": "my-openai", "type": "openai", "base_url": upstream.url, "api_key": {"value": "key"}}
        whole = configuration(world) | {"providers": [provider | {"models": ["gpt-realtime"]}]}
        with start_gateway(whole) as gateway:

            def status(query):
                return exchange(gateway, "GET", f"{PREFIX}/my-openai/v1/realtime{query}", upgrade).status

            assert status("?model=gpt-realtime&x=1") == 101
            assert (status("?model=gpt-9"), status(""), status("?model=gpt-realtime&model=gpt-9")) == (404, 400, 400)
        assert len(upstream.handshakes) == 1


@pytest.mark.parametrize("connection", ["close", "Upgrade"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_upgrade_headers_do_not_hide_the_model_in_a_body(gateway, world, token, method, connection):
    upgrade = [("connection", connection), ("upgrade", "websocket"), ("sec-websocket-version", "13")]
    key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    overridden = [("x-http-method-override", "POST")]
    headers = [*upgrade, key, JSON, BEARER.filled(token), *(overridden if method == "GET" else [])]
    answer = exchange(gateway, method, CHAT + "?model=gpt-4o", headers, json.dumps(chat("gpt-9")).encode())
    assert answer.status in (400, 404), answer.body
    assert answer.code.startswith("model_")
    assert not world.openai.requests


def test_a_websocket_is_allowed_only_if_its_model_is_known_at_the_handshake(gateway, world, token):
    upgrade = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")]
    headers = [*upgrade, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), BEARER.filled(token)]
    answer = exchange(gateway, "GET", f"{PREFIX}/my-openai/v1/responses?model=gpt-4o", headers)
    assert answer.status == 400
    assert not world.openai.requests
