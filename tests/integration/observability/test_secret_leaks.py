"""No secret appears in the filter's log at any level, in Envoy's admin pages, or in a response.

Some of Envoy's own loggers do show secrets below info: some log all headers, one logs the configuration. These must be
exactly those that docs/security-model.md lists, and no other line may contain a secret at any level.
"""

import base64
import contextlib
import functools
import json
import re
import urllib.request
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote, quote_plus

import pytest

from mocks.aws import AwsCredential, ContainerCredentials, InstanceMetadata, Role, SecurityTokenService
from mocks.faults import Fault
from support.bedrock import CONVERSE, MODEL, role, static
from support.client import ANTHROPIC, COMPATIBLE, GOOGLE, OPENAI, WAIT_S, exchange, wait_until
from support.gateway_config import CONTAINER_TOKEN, EXTERNAL_ID, PREFIX, ROLE, configuration, provider
from tools.gateway import PROJECT

OWN = "own-credential-of-the-client"
LOST = "key-of-a-provider-that-is-down"
MISPLACED = "key-where-no-key-belongs"
ENVOYS_OWN = {"config", "http", "router"}
"""Envoy's loggers that show headers or the configuration at debug or trace."""
ACCESS_LOG = "access log"
BELOW_INFO = ("trace", "debug")
PAGES = (
    "/certs",
    "/clusters",
    "/clusters?format=json",
    "/init_dump",
    "/listeners",
    "/listeners?format=json",
    "/memory",
    "/runtime",
    "/server_info",
    "/stats",
    "/stats?format=json",
    "/stats/prometheus",
)
BEDROCKS = ("static", "static-env", "role", "container", "instance", "key", "no-credentials")
ENTRY = re.compile(r"^\[\d{4}-\d\d-\d\d [\d:.]+\]\[\d+\]\[(?P<level>\w+)\]\[(?P<logger>\w+)\] ")


@dataclass(frozen=True)
class Entry:
    """One log entry, possibly of several lines. Entries of the access log have no level."""

    logger: str
    level: str
    text: str


@dataclass(frozen=True)
class Run:
    """The secrets of a run by name, and everything that the run has made visible."""

    secrets: MappingProxyType
    in_environment: tuple
    entries: tuple
    pages: MappingProxyType
    config_dump: str
    answers: tuple


def entries(log):
    """The entries of a log. A line that does not begin an entry belongs to the previous one."""
    found = []
    for line in log.splitlines():
        if head := ENTRY.match(line):
            found.append((head["logger"], head["level"], [line]))
        elif not found:
            found.append(("", "", [line]))
        else:
            found[-1][2].append(line)
    return tuple(Entry(logger, level, "\n".join(lines)) for logger, level, lines in found)


def access_entries(log):
    """The entries of the access log, one per line."""
    return tuple(Entry(ACCESS_LOG, "", line) for line in log.splitlines())


def shown(secrets, text):
    """The names of the secrets that the text contains, plain or encoded as in URLs, JSON and Basic authentication."""
    return {name for name, secret in secrets.items() if any(form in text for form in forms(secret))}


@functools.cache
def forms(secret):
    in_base64 = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], in_base64[:-1]}


@pytest.fixture(scope="module")
def run(world, start_gateway, tmp_path_factory):
    """A gateway that logs as much as possible, and requests with every kind of outcome."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(world.anthropic, "oauth_tokens", {OWN})
        callers = {name: AwsCredential.generate(temporary=name != "role") for name in ("static", "static-env", "role")}
        aws = {
            "container": stack.enter_context(ContainerCredentials(authorization_token=CONTAINER_TOKEN)),
            "instance": stack.enter_context(InstanceMetadata()),
            "no-credentials": stack.enter_context(ContainerCredentials(authorization_token=CONTAINER_TOKEN)),
            "role": stack.enter_context(
                SecurityTokenService([callers["role"]], roles={ROLE: Role(EXTERNAL_ID)}, verifier=world.sigv4_verifier)
            ),
        }
        aws["no-credentials"].fault["credentials"] = Fault(status=500)  # although the body has the credentials
        before = world.bedrock.judge.credentials
        stack.callback(setattr, world.bedrock.judge, "credentials", before)
        world.bedrock.judge.credentials = [
            *(callers[name] for name in ("static", "static-env")),
            *(endpoint.credential for endpoint in aws.values()),
        ]
        environment = {
            "LEAKS_GOOGLE": world.google.api_key,
            "LEAKS_VLLM": world.compatible.api_key,
            "LEAKS_ID": callers["static-env"].access_key_id,
            "LEAKS_SECRET": callers["static-env"].secret_access_key,
            "LEAKS_SESSION": callers["static-env"].session_token,
            "LEAKS_CONTAINER": CONTAINER_TOKEN,
            "LEAKS_BEDROCK": world.bedrock.api_key,
        }
        document = all_providers(world, callers, aws)
        access_log = tmp_path_factory.mktemp("leaks") / "access.log"
        gateway = stack.enter_context(
            start_gateway(
                document,
                environment=environment,
                log_level="trace",
                component_log_levels="wasm:trace",
                edit_bootstrap=lambda bootstrap: log_access_to(bootstrap, access_log),
            )
        )
        good, bad = world.identity_provider.mint(), world.identity_provider.mint()
        bad = bad[:-8] + ("A" * 8 if not bad.endswith("A" * 8) else "B" * 8)
        powerless = world.identity_provider.mint({"permissions": []})
        tokens = (good, powerless, bad, "no-jwt-but-a-secret")
        answers = [answer for token in tokens for answer in traffic(gateway, token)]
        assert {answer.status for answer in answers} >= {200, 400, 401, 403, 404, 500, 503}
        for broken in refused(document):
            assert not gateway.configure(broken)
        wait_until(lambda: access_log.read_text().count("\n") == len(answers))
        secrets = {
            "OpenAI's key": world.openai.api_key,
            "Anthropic's key": world.anthropic.api_key,
            "the client's own credential": OWN,
            "the key of a provider that is down": LOST,
            "the misplaced key": MISPLACED,
            "a token": good,
            "its signature": good.rsplit(".", 1)[1],
            "a token that may do nothing": powerless,
            "a refused token": bad,
            "its signature too": bad.rsplit(".", 1)[1],
            "what is no token": "no-jwt-but-a-secret",
        }
        secrets |= {name: value for name, value in environment.items() if name != "LEAKS_ID"}
        credentials = {**callers, **{f"fetched by {name}": endpoint.credential for name, endpoint in aws.items()}}
        for name, credential in credentials.items():
            secrets[f"secret key of {name}"] = credential.secret_access_key
            if credential.session_token:
                secrets[f"session token of {name}"] = credential.session_token
        secrets |= {f"metadata token {number}": token for number, token in enumerate(aws["instance"].tokens)}
        return Run(
            secrets=MappingProxyType(secrets),
            in_environment=tuple(name for name in environment if name != "LEAKS_ID"),
            entries=entries(gateway.log()) + access_entries(access_log.read_text()),
            pages=MappingProxyType({page: admin(gateway, page) for page in PAGES}),
            config_dump=admin(gateway, "/config_dump?include_eds"),
            answers=tuple(answers),
        )


def log_access_to(bootstrap, file):
    """Write the access log to its own file, because Envoy interleaves other lines with it at this level."""
    (listener,) = bootstrap["static_resources"]["listeners"]
    (log,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"]
    log["name"] = "envoy.access_loggers.file"
    log["typed_config"]["@type"] = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    log["typed_config"]["path"] = str(file)


def all_providers(world, callers, aws):
    """Every type of provider with every source of credentials."""
    credentials = {
        "static": {"static": static(callers["static"])},
        "static-env": {
            "static": {
                "access_key_id": {"env": "LEAKS_ID"},
                "secret_access_key": {"env": "LEAKS_SECRET"},
                "session_token": {"env": "LEAKS_SESSION"},
            }
        },
        "role": role(aws["role"], {"static": static(callers["role"])}),
        "container": fetched(aws["container"]),
        "instance": {"imds": {"endpoint": aws["instance"].url}},
        "key": {"bedrock_api_key": {"env": "LEAKS_BEDROCK"}},
        "no-credentials": fetched(aws["no-credentials"]),
    }
    bedrock = {"type": "bedrock", "region": "us-east-1", "base_url": world.bedrock.base_url}
    plain = [
        provider("my-openai", "openai", world.openai),
        provider("my-anthropic", "anthropic", world.anthropic),
        provider("my-google", "google", world.google) | {"api_key": {"env": "LEAKS_GOOGLE"}},
        provider("my-vllm", "openai_compatible", world.compatible) | {"api_key": {"env": "LEAKS_VLLM"}},
        provider("my-choice", "openai", world.openai) | {"models": ["gpt-4o-mini"]},
        {"name": "my-lost", "type": "openai", "base_url": "http://127.0.0.1:1", "api_key": {"value": LOST}},
        {
            "name": "my-own",
            "type": "anthropic",
            "base_url": world.anthropic.base_url,
            "authorization_passthrough": True,
        },
    ]
    signed = [bedrock | {"name": f"my-{name}", "credentials": credentials[name]} for name in BEDROCKS]
    return configuration(world) | {"providers": plain + signed}


def fetched(endpoint):
    return {"container": {"uri": endpoint.uri, "authorization_token": {"env": "LEAKS_CONTAINER"}}}


def refused(document):
    """Configurations with a mistake next to a key, which the error message must not show."""
    for misplaced in (
        {"api_key": MISPLACED},
        {"api_key": {"value": f"{MISPLACED}\n"}},
        {"api_key": {"valeu": MISPLACED}},
        {"api_key": {"env": MISPLACED}},
        {"api_key": {"value": [MISPLACED]}},
        {"credentials": MISPLACED},
        {"headers": {"x-key": f"{MISPLACED}\n"}},
    ):
        first, *others = document["providers"]
        yield document | {"providers": [first | misplaced, *others]}


def traffic(gateway, token):
    """The responses to valid, failing and streaming requests to each provider and to the gateway itself."""
    sent = [("x-ai-gateway-authorization", f"Bearer {token}"), ("authorization", f"Bearer {OWN}")]
    headers = [*sent, *ANTHROPIC.headers, ("content-type", "application/json"), ("cookie", f"session={OWN}")]
    generating = [(api, api.provider) for api in (OPENAI, ANTHROPIC, GOOGLE, COMPATIBLE)]
    generating += [(OPENAI, "my-choice"), (OPENAI, "my-lost"), (ANTHROPIC, "my-own"), (OPENAI, "no-such-provider")]
    for api, name in generating:
        path = f"{PREFIX}/{name}{api.path}"
        yield exchange(gateway, "POST", path, headers, api.content())
        yield exchange(gateway, "POST", f"{path}?key={token}&access_token={OWN}", headers, api.content())
        yield exchange(gateway, "POST", path, [*headers, ("x-mock-status", "500")], api.content())
        streamed = path.replace(":generateContent", ":streamGenerateContent")
        yield exchange(gateway, "POST", streamed, headers, api.content(stream=True))
    for name in BEDROCKS:
        for action in ("converse", "converse-stream"):
            path = f"{PREFIX}/my-{name}/model/{MODEL}/{action}"
            yield exchange(gateway, "POST", path, headers, CONVERSE)
            yield exchange(gateway, "POST", path, [*headers, ("x-mock-status", "500")], CONVERSE)
    twice = [*headers, ("x-ai-gateway-authorization", token)]
    yield exchange(gateway, "POST", OPENAI.target, twice, OPENAI.content())
    for path in (PREFIX, f"{PREFIX}/my-openai", f"{PREFIX}/my-role", "/llm/v1/usage", "/llm/v1/status"):
        yield exchange(gateway, "GET", path, headers)
    yield exchange(gateway, "GET", f"{PREFIX}/my-openai", [*headers, ("accept", "text/html")])


def admin(gateway, page):
    with urllib.request.urlopen(gateway.admin_url + page, timeout=WAIT_S) as reply:
        return reply.read().decode()


def test_every_provider_has_served_a_request_with_its_credential(run):
    lines = [json.loads(entry.text) for entry in run.entries if entry.logger == ACCESS_LOG]
    served = {line["ai_gateway.provider"] for line in lines if line["response_code"] == 200} - {None}
    plain = {"my-openai", "my-anthropic", "my-google", "my-vllm", "my-own"}
    assert served >= plain | {f"my-{name}" for name in BEDROCKS} - {"my-no-credentials"}


def test_the_filter_logs_no_secret_at_any_level(run):
    lines = [entry for entry in run.entries if entry.logger in ("wasm", ACCESS_LOG)]
    assert {entry.level for entry in lines} >= {"trace", "debug", "info", "warning", "error"}
    assert leaks(run, lines) == {}
    own = sum("wasm log" in entry.text for entry in lines)
    print(f"\n{len(run.secrets)} secrets, {len(run.answers)} requests, {own} of {len(lines)} lines are the filter's")


def test_no_logger_shows_a_secret_at_info_or_above(run):
    lines = [entry for entry in run.entries if entry.level not in BELOW_INFO]
    assert leaks(run, lines) == {}
    print(f"\n{len(lines)} lines at info or above")


def test_below_info_only_three_loggers_of_envoy_show_secrets(run):
    showing = leaks(run, run.entries)
    assert showing.keys() == ENVOYS_OWN
    assert not showing["config"] & set(run.in_environment)
    print(f"\n{len(run.entries)} lines at any level, only these loggers of Envoy show secrets: {sorted(showing)}")


@pytest.mark.parametrize("page", PAGES)
def test_no_admin_page_shows_a_secret(run, page):
    assert run.pages[page]
    assert shown(run.secrets, run.pages[page]) == set()


def test_config_dump_shows_inline_secrets_and_none_from_the_environment(run):
    found = shown(run.secrets, run.config_dump)
    assert {"OpenAI's key", "Anthropic's key", "secret key of static", "secret key of role"} <= found
    assert not found & set(run.in_environment)
    assert "LEAKS_GOOGLE" in run.config_dump


def test_no_response_contains_a_secret(run):
    assert [answer.status for answer in run.answers if shown(run.secrets, str(answer))] == []


def test_the_security_model_names_the_loggers_that_show_secrets():
    text = (PROJECT / "docs" / "security-model.md").read_text()
    assert all(f"`{logger}`" in text for logger in ENVOYS_OWN)


@pytest.mark.parametrize("written", ["{}", "key={}&a", '{{"token": "{}"}}', "of two\n  {} lines"])
@pytest.mark.parametrize("logger", ["wasm", "http", ACCESS_LOG])
def test_the_search_finds_a_planted_secret(run, logger, written):
    for name, secret in run.secrets.items():
        for form in forms(secret):
            line = written.format(form)
            head = f"[2026-01-02 03:04:05.678][12][debug][{logger}] "
            found = access_entries(line) if logger == ACCESS_LOG else entries(head + line)
            assert name in leaks(run, found)[logger]


def leaks(run, found):
    """The secrets that these entries show, by logger."""
    showing = {}
    for entry in found:
        if names := shown(run.secrets, entry.text):
            showing.setdefault(entry.logger, set()).update(names)
    return showing
