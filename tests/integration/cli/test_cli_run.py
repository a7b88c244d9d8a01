"""`ai-gateway-filter run`: how a client is started, and that its session goes through the gateway.

The clients here are tests/integration/support/fake_llm_client.py under their names. docs/command-line.md says how the
real ones were tried.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mocks.world import AUDIENCE, CLIENT_ID, CLIENT_SECRET
from support.client import ANTHROPIC, GOOGLE, OPENAI
from support.command import COMMAND
from support.gateway_config import configuration
from support.scripted_provider import Script, ScriptedProvider
from tools.gateway import PROJECT

FAKE = PROJECT / "tests/integration/support/fake_llm_client.py"
LIFETIME_S = 5
PIECES = tuple(f"data: {number}\n\n".encode() for number in range(5))


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    """The usual providers, a passthrough that requires a gateway token, and two with scripted responses."""
    with ScriptedProvider() as upstream:
        whole = configuration(world)
        whole["providers"] += [
            {"name": "slow", "type": "google", "base_url": upstream.url, "api_key": {"value": "mock-key"}},
            {
                "name": "my-own",
                "type": "anthropic",
                "base_url": world.anthropic.base_url,
                "authorization_passthrough": True,
                "require_gateway_token": True,
            },
            {
                "name": "my-bedrock",
                "type": "bedrock",
                "region": "us-east-1",
                "base_url": world.bedrock.base_url,
                "credentials": {"bedrock_api_key": {"value": "mock-bedrock-key"}},
            },
        ]
        with start_gateway(whole) as gateway:
            gateway.upstream = upstream
            yield gateway


@pytest.fixture
def variables(command, world, gateway, tmp_path):
    """The variables of a machine with all clients and a logged-in user."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("claude", "codex", "gemini"):
        shutil.copy(FAKE, programs / name)
        (programs / name).chmod(0o755)
    lifetime_s = world.identity_provider.token_lifetime_s
    yield {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path),
        "AI_GATEWAY_ENDPOINT": gateway.url,
        "AI_GATEWAY_ISSUER": world.identity_provider.issuer,
        "AI_GATEWAY_AUDIENCE": AUDIENCE,
        "AI_GATEWAY_CLIENT_ID": CLIENT_ID,
        "AI_GATEWAY_CLIENT_SECRET": CLIENT_SECRET,
    }
    world.identity_provider.token_lifetime_s = lifetime_s


@pytest.fixture
def run(command, variables, tmp_path):
    """Run a client with these actions, and return what it printed: how it was started, then one line for each action."""

    def run(client, provider, actions, *options, check=0, body="{}", headers=None, **more):
        variables.update(FAKE_CLIENT=actions, FAKE_BODY=body, FAKE_HEADERS=json.dumps(headers or {}))
        done = command("run", client, "--provider", provider, *options, check=check, **variables | more)
        assert CLIENT_SECRET not in done.stderr
        assert not list(tmp_path.glob("ai-gateway-filter-*")), "the session's folder was not removed"
        return [json.loads(line) for line in done.stdout.splitlines()] if check < 2 else done

    return run


def body(api):
    return api.content().decode()


def test_claude_code_gets_its_token_from_a_helper(run, world):
    start, token, answer = run("claude", "my-anthropic", "helper ask /v1/messages", body=body(ANTHROPIC))
    assert token["token"].count(".") == 2 and token["problem"] == ""
    assert answer["status"] == 200 and "Hello from the mock" in answer["text"]
    assert world.anthropic.requests
    assert start["settings"]["env"]["CLAUDE_CODE_USE_BEDROCK"] == "0"


def test_claude_code_can_use_bedrock(run, world):
    content = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]})
    start, _, answer = run("claude", "my-bedrock", "helper ask /model/some.model/converse", body=content)
    assert start["settings"]["env"]["CLAUDE_CODE_USE_BEDROCK"] == "1"
    assert answer["status"] == 200, answer
    assert world.bedrock.requests


def test_codex_gets_its_token_from_a_command(run, world):
    start, _, answer = run("codex", "my-openai", "helper ask /chat/completions", "--model", "gpt-4o", body=body(OPENAI))
    assert start["settings"]["model"] == "gpt-4o"
    assert start["settings"]["model_providers"]["ai-gateway"]["wire_api"] == "responses"
    assert answer["status"] == 200


def test_gemini_cli_sends_a_token_with_each_request(run, world):
    start, answer = run(
        "gemini",
        "my-google",
        f"ask {GOOGLE.path}",
        body=body(GOOGLE),
        headers={"x-goog-api-key": "set-by-the-gateway"},
    )
    assert answer["status"] == 200, answer
    assert start["settings"]["security"]["auth"]["selectedType"] == "gemini-api-key"
    assert start["url"].startswith("http://127.0.0.1:")


def test_passthrough_sends_the_users_own_credential_and_the_gateway_token(run, world):
    own = {"x-api-key": world.anthropic.api_key}
    start, answer = run(
        "claude", "my-own", "ask /v1/messages", body=body(ANTHROPIC), headers=own, ANTHROPIC_API_KEY="own"
    )
    assert answer["status"] == 200, answer
    assert start["environment"]["ANTHROPIC_API_KEY"] == "own"
    assert "apiKeyHelper" not in start["settings"]


@pytest.mark.parametrize(
    "client, provider, api", [("claude", "my-anthropic", ANTHROPIC), ("gemini", "my-google", GOOGLE)]
)
def test_a_session_outlives_its_first_token(run, world, client, provider, api):
    world.identity_provider.token_lifetime_s = LIFETIME_S
    step = f"helper ask {api.path}" if client == "claude" else f"ask {api.path}"
    output = run(client, provider, f"{step} sleep {LIFETIME_S + 0.5} {step}", body=body(api))
    answers = [line for line in output if "status" in line]
    assert [answer["status"] for answer in answers] == [200, 200], answers


def test_a_stream_passes_the_loopback_proxy_without_delay(run, gateway):
    gateway.upstream.script = Script(PIECES, headers={"content-type": "text/event-stream"}, interval_s=0.2)
    _, answer = run("gemini", "slow", f"ask {GOOGLE.path}")
    assert answer["text"].encode() == b"".join(PIECES)
    assert answer["spread_s"] > 0.5


def test_the_loopback_proxy_needs_its_secret(run):
    _, answer = run("gemini", "my-google", f"ask-wrong-secret {GOOGLE.path}")
    assert answer["status"] == 404


def test_errors_pass_the_loopback_proxy(run):
    _, answer = run("gemini", "my-google", "ask /v1beta/models/gemini-2.0-flash:generateContent", body="no json")
    assert answer["status"] == 400


def test_no_secret_is_in_arguments_and_no_variable_bypasses_the_gateway(run, command, world):
    leading = {
        "ANTHROPIC_AUTH_TOKEN": "x",
        "ANTHROPIC_CUSTOM_HEADERS": "x",
        "ANTHROPIC_BASE_URL": "https://elsewhere.test",
        "OPENAI_API_KEY": "x",
        "GOOGLE_API_KEY": "x",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
    }
    for client, provider, gone in [
        ("claude", "my-anthropic", ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_BASE_URL")),
        ("codex", "my-openai", ("OPENAI_API_KEY",)),
        ("gemini", "my-google", ("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI")),
    ]:
        [start] = run(client, provider, "", "--model", "m", "--", "--own", "argument", **leading)
        assert start["arguments"][-2:] == ["--own", "argument"]
        words = " ".join(start["arguments"])
        assert (
            "eyJ" not in words
            and CLIENT_SECRET not in words
            and "127.0.0.1" not in words.replace(start["url"] if client == "codex" else "", "")
        )
        assert not set(gone) & set(start["environment"])
    files = [file for file in command.home.rglob("*") if file.is_file() and ".cache/ai-gateway-filter" not in str(file)]
    assert files == [], "files were written into the home directory"


def test_the_users_settings_of_gemini_cli_are_kept_and_not_modified(run, command):
    own = command.home / ".gemini"
    own.mkdir()
    text = '{"ui": {"theme": "mine"}, "security": {"auth": {"selectedType": "oauth-personal"}}}'
    (own / "settings.json").write_text(text)
    [start] = run("gemini", "my-google", "")
    assert start["settings"]["ui"] == {"theme": "mine"}
    assert start["settings"]["security"]["auth"]["selectedType"] == "gemini-api-key"
    assert [file.name for file in own.iterdir()] == ["settings.json"]
    assert (own / "settings.json").read_text() == text


def test_flags_reach_the_helper(run, variables, world):
    token = world.identity_provider.mint()
    _, output = run("claude", "my-anthropic", "helper", "--token", token)
    assert output["token"].strip() == token


def test_the_exit_code_is_that_of_the_client(run):
    run("claude", "my-anthropic", "exit 1", check=1)
    run("codex", "my-openai", "exit 42", check=42)


@pytest.mark.parametrize("client, provider", [("claude", "my-openai"), ("codex", "my-google"), ("gemini", "my-claude")])
def test_a_provider_of_the_wrong_type_is_reported(run, client, provider):
    done = run(client, provider, "", check=2)
    assert provider in done.stderr and "llm list" in done.stderr and done.stdout == ""


def test_a_missing_client_is_reported_with_installation_instructions(run):
    done = run("codex", "my-openai", "", check=127, PATH="/nowhere")
    assert "npm install -g" in done.stderr


def test_provider_and_token_problems_are_reported_before_the_client_starts(run, world):
    assert "disabled" in run("codex", "my-disabled", "", check=4).stderr
    assert "llm list" in run("codex", "nothing", "", check=5).stderr
    assert "login" in run("codex", "my-openai", "", "--token", world.identity_provider.mint({"exp": 1}), check=3).stderr
    assert "login" in run("codex", "my-openai", "", check=3, AI_GATEWAY_CLIENT_ID="nobody").stderr


def test_the_provider_type_can_be_given_without_the_get_permission(run, world):
    token = world.identity_provider.mint({"permissions": ["dataplane_adp_llmprovider_invoke"]})
    assert "--type" in run("claude", "my-anthropic", "", "--token", token, check=4).stderr
    _, _, answer = run(
        *("claude", "my-anthropic", "helper ask /v1/messages", "--token", token, "--type", "anthropic"),
        body=body(ANTHROPIC),
    )
    assert answer["status"] == 200


@pytest.mark.parametrize("client, provider", [("claude", "my-anthropic"), ("gemini", "my-google")])
def test_stopping_the_command_stops_the_client_and_cleans_up(command, variables, tmp_path, client, provider):
    variables |= {"FAKE_CLIENT": "sleep 60", "HOME": str(command.home)}
    process = subprocess.Popen(
        [COMMAND, "run", client, "-L", provider], env=variables, stdout=subprocess.PIPE, text=True, cwd=command.home
    )
    try:
        start = json.loads(process.stdout.readline())
        assert list(tmp_path.glob("ai-gateway-filter-*"))
        process.send_signal(signal.SIGINT)  # like Ctrl-C, which the terminal sends to the client as well
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert not list(tmp_path.glob("ai-gateway-filter-*"))
    assert not Path(start["environment"].get("GEMINI_CLI_HOME", "/nowhere")).exists()
