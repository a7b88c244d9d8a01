"""`ai-gateway-filter token`, `login`, `logout`, `status` and `env`: credentials, token cache, gateway names."""

import json
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mocks.faults import Fault
from mocks.world import AUDIENCE, CLIENT_ID, CLIENT_SECRET
from support.issuers import identity_provider, running
from tools.gateway import free_port

AT_ONCE = 12
OTHER_SECRET = "not the secret"


@pytest.fixture
def identity(world):
    """The identity as environment variables, as CI and cron jobs set it."""
    world.identity_provider.hits.clear()
    lifetime_s = world.identity_provider.token_lifetime_s
    yield {
        "AI_GATEWAY_ISSUER": world.identity_provider.issuer,
        "AI_GATEWAY_AUDIENCE": AUDIENCE,
        "AI_GATEWAY_CLIENT_ID": CLIENT_ID,
        "AI_GATEWAY_CLIENT_SECRET": CLIENT_SECRET,
    }
    world.identity_provider.token_lifetime_s = lifetime_s
    world.identity_provider.fault.clear()


@pytest.fixture
def login(command, gateway, world):
    """Log in as the client of the mock identity provider."""

    def login(*options, secret=CLIENT_SECRET, **expected):
        return command(
            *("login", "--endpoint", gateway.url, "--issuer", world.identity_provider.issuer),
            *("--audience", AUDIENCE, "--client-id", CLIENT_ID, *options),
            stdin=secret + "\n",
            **expected,
        )

    return login


def files(home):
    return [path for path in home.rglob("*") if path.is_file()]


def token_requests(world):
    """The number of token requests so far."""
    return world.identity_provider.hits["token"]


def test_a_token_is_fetched_once_and_cached_readable_only_by_its_user(command, identity, world):
    first = command("token", check=0, **identity)
    again = command("token", check=0, **identity)
    assert first.stdout == again.stdout and first.stdout.count(".") == 2
    assert first.stderr == ""
    assert token_requests(world) == 1
    for file in files(command.home):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700, file.parent
        assert CLIENT_SECRET not in file.read_text()


def test_xdg_folders_are_used(command, identity, tmp_path):
    command("token", check=0, XDG_CACHE_HOME=str(tmp_path / "cache"), **identity)
    assert files(tmp_path / "cache/ai-gateway-filter/tokens")
    assert not files(command.home)


def test_a_token_is_renewed_after_four_fifths_of_its_lifetime(command, identity, world):
    world.identity_provider.token_lifetime_s = 5
    first = command("token", check=0, **identity).stdout
    start = time.monotonic()
    while (token := command("token", check=0, **identity).stdout) == first:
        assert time.monotonic() - start < 5
        time.sleep(0.1)
    assert time.monotonic() - start > 3
    assert token != first and token_requests(world) == 2


def test_concurrent_commands_fetch_one_token(command, identity, world):
    world.identity_provider.fault["token"] = Fault(delay_s=0.5)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda _: command("token", **identity), range(AT_ONCE)))
    assert {process.returncode for process in done} == {0}
    assert len({process.stdout for process in done}) == 1
    assert token_requests(world) == 1


def test_the_cached_token_is_used_while_a_renewal_fails(command, identity, world):
    world.identity_provider.token_lifetime_s = 10
    first = command("token", check=0, **identity).stdout
    time.sleep(8.2)
    world.identity_provider.fault["token"] = Fault(status=503)
    done = command("token", check=0, **identity)
    assert done.stdout == first
    assert "warning" in done.stderr
    time.sleep(2)
    done = command("token", check=6, **identity)
    assert done.stdout == "" and "hint" in done.stderr


def test_each_audience_has_its_own_token(command, identity, world):
    command("token", check=0, **identity)
    done = command("token", "--audience", "somebody-else", check=3, **identity)
    assert "invalid_target" in done.stderr and "--audience" in done.stderr


def test_a_given_token_is_used_unchanged(command, world):
    assert command("token", check=0, AI_GATEWAY_TOKEN="a.b.c").stdout == "a.b.c\n"
    assert command("token", "--token", "d.e.f", check=0, AI_GATEWAY_TOKEN="a.b.c").stdout == "d.e.f\n"


def test_without_credentials_a_hint_to_log_in_is_printed(command):
    for arguments in [("token",), ("llm", "list", "--endpoint", "http://127.0.0.1:1")]:
        done = command(*arguments, check=3)
        assert "ai-gateway-filter login" in done.stderr


def test_an_unreachable_identity_provider_is_reported(command, identity):
    identity |= {"AI_GATEWAY_ISSUER": f"http://127.0.0.1:{free_port()}"}
    done = command("token", check=6, **identity)
    assert "hint" in done.stderr


def test_a_discovery_document_of_another_issuer_is_refused(command, identity, world):
    document = json.dumps({"issuer": "https://evil.test/", "token_endpoint": "https://evil.test/token"})
    world.identity_provider.fault["discovery"] = Fault(body=document.encode())
    done = command("token", check=1, **identity)
    assert "another issuer" in done.stderr


def test_the_secret_is_not_sent_in_plaintext_if_discovery_came_over_tls(command, identity, world, authority):
    certificate = authority.issue("127.0.0.1")
    with running(identity_provider(ssl_context=certificate.ssl_context())) as (provider,):
        plaintext = world.identity_provider.url + "/token"
        document = json.dumps({"issuer": provider.issuer, "token_endpoint": plaintext})
        provider.fault["discovery"] = Fault(body=document.encode())
        identity |= {"AI_GATEWAY_ISSUER": provider.issuer, "SSL_CERT_FILE": str(authority.certificate)}
        done = command("token", check=1, **identity)
    assert "not https" in done.stderr and plaintext in done.stderr
    assert token_requests(world) == 0


ESCAPES = "\x1b[2J\x1b]0;title\x07\r\n\x9b1mhint: run this\x7f\u202e"
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    "endpoint, document",
    [
        ("discovery", {"issuer": ESCAPES}),
        ("token", {"error": "invalid_client", "error_description": ESCAPES}),
        ("token", {"access_token": ESCAPES}),
    ],
)
def test_text_of_an_identity_provider_cannot_control_the_terminal(command, identity, world, endpoint, document):
    status = 400 if "error" in document else 200
    world.identity_provider.fault[endpoint] = Fault(status=status, body=json.dumps(document).encode())
    done = command("token", "--verbose", **identity)
    assert done.returncode
    assert not CONTROLS.search(done.stdout + done.stderr), done.stderr
    assert not any(line.startswith("hint: run this") for line in done.stderr.splitlines())


def test_a_wrong_secret_is_reported_and_never_shown(command, identity):
    identity |= {"AI_GATEWAY_CLIENT_SECRET": OTHER_SECRET}
    done = command("token", "--verbose", check=3, **identity)
    assert "invalid_client" in done.stderr and "ai-gateway-filter login" in done.stderr
    assert OTHER_SECRET not in done.stdout + done.stderr


def test_after_a_login_no_options_are_needed(command, login, gateway):
    done = login(check=0)
    assert CLIENT_SECRET not in done.stdout + done.stderr
    [stored] = [file for file in files(command.home) if file.name == "environments.json"]
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    providers = json.loads(command("llm", "list", check=0).stdout)["providers"]
    assert {"my-openai", "my-google"} < {provider["name"] for provider in providers}
    status = json.loads(command("status", check=0).stdout)
    assert status["endpoint"] == gateway.url
    assert "cached" in status["token"] and "providers" in status["gateway"]


def test_unknown_fields_of_the_status_are_null(command):
    command("env", "add", "new", "--endpoint", "http://127.0.0.1:1", check=0)
    status = json.loads(command("status", "--env", "new", check=3).stdout)
    assert (status["environment"], status["endpoint"]) == ("new", "http://127.0.0.1:1")
    assert (status["issuer"], status["audience"], status["client_id"]) == (None, None, None)


def test_a_login_with_a_wrong_secret_stores_nothing(command, login):
    login(secret=OTHER_SECRET, check=3)
    assert [file.name for file in files(command.home) if OTHER_SECRET in file.read_text()] == []
    command("token", check=3)


def test_a_logout_deletes_the_secret_and_the_token(command, login):
    login(check=0)
    command("logout", check=0)
    text = "".join(file.read_text() for file in files(command.home))
    assert CLIENT_SECRET not in text and "eyJ" not in text
    assert "login" in command("token", check=3).stderr


def test_several_gateways_are_told_apart_by_name(command, login, gateway):
    login("--env", "here", check=0)
    command("env", "add", "there", "--endpoint", "http://127.0.0.1:1", check=0)
    listed = json.loads(command("env", "list", check=0).stdout)["environments"]
    assert [(entry["name"], entry["current"], entry["logged_in"]) for entry in listed] == [
        ("here", True, True),
        ("there", False, False),
    ]
    command("llm", "list", check=0)
    command("env", "use", "there", check=0)
    command("llm", "list", check=3)
    command("llm", "list", "--env", "here", check=0)
    command("llm", "list", check=0, AI_GATEWAY_ENV="here")
    command("env", "remove", "there", check=0)
    for arguments in [("env", "use", "there"), ("env", "remove", "there"), ("token", "--env", "there")]:
        assert "there are here" in command(*arguments, check=5).stderr


def test_the_environments_file_can_be_placed_elsewhere(command, login, tmp_path):
    login("--config", tmp_path / "mine.json", check=0)
    command("token", check=3)
    command("token", check=0, AI_GATEWAY_CONFIG=str(tmp_path / "mine.json"))
    (tmp_path / "mine.json").write_text('{"environments": {"default": {"client_secret": 5}}}')
    assert "hint" in command("token", check=1, AI_GATEWAY_CONFIG=str(tmp_path / "mine.json")).stderr
