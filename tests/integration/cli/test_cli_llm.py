"""`ai-gateway-filter llm`: lists providers, and finds the hop that fails."""

import json

import pytest
import yaml

from support.gateway_config import PREFIX, configuration, provider
from tools.gateway import free_port


@pytest.fixture(scope="module")
def broken(world, start_gateway):
    """A gateway with providers that fail at different hops."""
    whole = configuration(world)
    key = {"api_key": {"value": "wrong-key"}}
    whole["providers"] += [
        provider("bad-key", "openai", world.openai) | key,
        provider("listed", "openai", world.openai) | {"models": ["gpt-4*", "gpt-4o"]},
        provider("families", "openai", world.openai) | {"models": ["gpt-4*"]},
        provider("wrong-path", "openai", world.openai) | {"base_url": world.openai.url + "/elsewhere"},
        {"name": "nobody", "type": "openai", "base_url": f"http://127.0.0.1:{free_port()}/v1"} | key,
        {
            "name": "my-bedrock",
            "type": "bedrock",
            "region": world.bedrock.judge.region,
            "base_url": world.bedrock.base_url,
            "credentials": {"bedrock_api_key": {"value": "mock-bedrock-key"}},
        },
    ]
    whole["authorization"] = {"bindings": [{"subject": "reader", "permissions": ["get"]}]}
    with start_gateway(whole) as gateway:
        yield gateway


@pytest.fixture
def llm(command, broken, token):
    """The command with that gateway and a token."""

    def llm(*arguments, **options):
        variables = {"AI_GATEWAY_ENDPOINT": broken.url, "AI_GATEWAY_TOKEN": token} | options
        return command("llm", *arguments, **variables)

    return llm


@pytest.fixture
def hops(llm):
    """The hops of a check and the exit code."""

    def hops(*arguments, **options):
        done = llm("check", *arguments, **options)
        document = json.loads(done.stdout)
        assert document["ok"] == (done.returncode == 0)
        assert done.returncode == 0 or "hint" in done.stderr
        return {step["hop"]: step["outcome"] for step in document["hops"]}, done

    return hops


def failing(outcomes):
    return [hop for hop, outcome in outcomes.items() if outcome == "failed"]


def test_providers_are_listed_in_every_format(llm, broken):
    listed = json.loads(llm("list", check=0).stdout)
    assert yaml.safe_load(llm("list", "--format", "yaml", check=0).stdout) == listed
    table = llm("list", "--format", "table", check=0).stdout.splitlines()
    assert table[0].split() == ["NAME", "TYPE", "STATUS", "MODELS", "PROXY", "URL"]
    assert len(table) == len(listed["providers"]) + 1
    assert any(f"{broken.url}{PREFIX}/my-openai" in line for line in table)


def test_one_provider_is_shown(llm):
    shown = json.loads(llm("get", "my-claude", check=0).stdout)
    assert shown["type"] == "anthropic" and shown["authorization_passthrough"] is True
    assert "my-claude" in llm("get", "my-claude", "--format", "table", check=0).stdout
    for name in ("nothing", "../usage"):
        assert "llm list" in llm("get", name, check=5).stderr


@pytest.mark.parametrize(
    "name, model",
    [
        ("my-openai", None),
        ("my-openai", "gpt-4o"),
        ("my-anthropic", None),
        ("my-anthropic", "claude-sonnet-4-6"),
        ("my-google", None),
        ("my-google", "gemini-2.0-flash"),
        ("my-vllm", "meta-llama/Llama-3.3-70B-Instruct"),
        ("my-bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ],
)
def test_a_provider_of_each_type_can_be_used(hops, name, model):
    outcomes, done = hops(name, *(["--model", model] if model else []))
    assert set(outcomes.values()) == {"ok"}, done.stdout
    assert done.returncode == 0


def test_the_first_exact_model_of_a_catalog_is_used(hops, world):
    outcomes, done = hops("listed")
    assert done.returncode == 0, done.stdout
    assert json.loads(world.openai.requests[-1].body)["model"] == "gpt-4o"


@pytest.mark.parametrize(
    "arguments, hop, code",
    [
        (("bad-key",), "credential", 1),
        (("nobody",), "upstream", 6),
        (("nothing",), "provider", 5),
        (("my-disabled",), "provider", 4),
        (("wrong-path", "--model", "gpt-4o"), "model", 5),
        (("my-bedrock",), "model", 2),
        (("families",), "model", 2),
        (("listed", "--model", "o3"), "model", 5),
    ],
)
def test_the_failing_hop_is_reported(hops, arguments, hop, code):
    outcomes, done = hops(*arguments)
    assert failing(outcomes) == [hop], done.stdout
    assert done.returncode == code
    assert "wrong-key" not in done.stdout + done.stderr


def test_a_passthrough_provider_is_not_called(hops):
    outcomes, done = hops("my-claude")
    assert done.returncode == 0 and outcomes["credential"] == "skipped"


def test_a_bad_token_is_reported_with_a_hint_to_log_in(hops, world):
    outcomes, done = hops("my-openai", AI_GATEWAY_TOKEN=world.identity_provider.mint({"exp": 1}))
    assert failing(outcomes) == ["token"] and done.returncode == 3
    assert "expired" in done.stderr and "ai-gateway-filter login" in done.stderr


def test_a_missing_permission_is_reported(hops, world):
    for claims in ({"sub": "reader", "permissions": []}, {"permissions": []}):
        outcomes, done = hops("my-openai", AI_GATEWAY_TOKEN=world.identity_provider.mint(claims))
        assert failing(outcomes) == ["permission"] and done.returncode == 4


def test_an_unreachable_gateway_is_reported(hops):
    outcomes, done = hops("my-openai", AI_GATEWAY_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert (list(outcomes), failing(outcomes), done.returncode) == (["name", "tcp"], ["tcp"], 6)
    outcomes, done = hops("my-openai", AI_GATEWAY_ENDPOINT="https://does-not-exist.invalid")
    assert (list(outcomes), done.returncode) == (["name"], 6)


def test_a_server_without_tls_is_reported(hops, broken):
    outcomes, done = hops("my-openai", AI_GATEWAY_ENDPOINT=broken.url.replace("http:", "https:"))
    assert failing(outcomes) == ["tls"] and done.returncode == 6
    assert "hint: the server does not speak TLS; check the scheme and the port" in done.stderr


def test_an_endpoint_that_is_not_a_gateway_is_reported(llm, world):
    done = llm("list", check=1, AI_GATEWAY_ENDPOINT=world.openai.url)
    assert "not as an AI gateway" in done.stderr


def test_a_missing_endpoint_is_reported(command):
    done = command("llm", "list", check=2, AI_GATEWAY_TOKEN="x")
    assert "--endpoint" in done.stderr
