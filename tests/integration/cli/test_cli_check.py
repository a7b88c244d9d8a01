"""`ai-gateway-filter check` and `schema` agree with the filter in Envoy."""

import json

import jsonschema
import pytest

from mocks.faults import Fault
from support.gateway_config import configuration
from tools.gateway import PROJECT, free_port

GOOD = {
    "$schema": "https://example.com/configuration.schema.json",
    "authentication": {"issuers": [{"issuer": "https://idp.test/", "audiences": ["a"]}]},
    "providers": [{"name": "my-openai", "type": "openai", "api_key": {"env": "OPENAI_API_KEY"}}],
}


@pytest.fixture(scope="module")
def own_gateway(world, start_gateway):
    """A gateway whose configuration the tests change."""
    with start_gateway(configuration(world)) as gateway:
        yield gateway


@pytest.fixture
def write(tmp_path):
    def write(document, name="config.json"):
        file = tmp_path / name
        file.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
        return file

    return write


@pytest.fixture
def findings(command, write):
    """The findings of a check with these arguments, and its exit code."""

    def findings(document, *arguments, **environment):
        done = command("check", write(document), "--format", "json", *arguments, **environment)
        return json.loads(done.stdout)["findings"], done.returncode

    return findings


def test_a_valid_configuration_prints_nothing_regardless_of_the_environment(command, write):
    done = command("check", write(GOOD), check=0)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_shipped_filter_file_is_valid(command):
    assert command("check", PROJECT / "envoy/filter.yaml", check=0).stdout == ""


def test_every_mistake_is_reported_with_its_line_and_a_remedy(command, write):
    document = json.loads(json.dumps(GOOD))
    document["providers"][0]["api_kye"] = document["providers"][0].pop("api_key")
    document["providers"].append({"name": "Other", "type": "opnai"})
    document["observabilty"] = {}
    file = write(document)
    done = command("check", file, check=1)
    lines = file.read_text().splitlines()

    def line(text):
        return next(number for number, line in enumerate(lines, 1) if text in line)

    for place, path, hint in [
        (line("api_kye"), "/providers/0/api_kye", 'did you mean "api_key"?'),
        (line("opnai"), "/providers/1/type", ""),
        (line("Other"), "/providers/1/name", ""),
        (line("observabilty"), "/observabilty", 'did you mean "observability"?'),
    ]:
        assert f"{file}:{place}:" in done.stdout, done.stdout
        assert f": error: {path}: " in done.stdout
        assert hint in done.stdout
    assert "4 problems" in done.stderr


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.pop("authentication"),
        lambda document: document["providers"][0].update(type="opnai"),
        lambda document: document["providers"][0].update(api_key={"file": "x"}),
        lambda document: document.update({"$scheme": "x"}),
        lambda document: document["authentication"].update(disabled=True),
    ],
)
def test_the_check_reports_the_same_problems_as_the_filter(own_gateway, findings, world, edit):
    document = configuration(world)
    edit(document)
    found, code = findings(document)
    errors = [finding for finding in found if finding["severity"] == "error"]
    assert code == 1 and errors
    assert not own_gateway.configure(document)
    for error in errors:
        assert f"{error['path']}: {error['message']}" in own_gateway.log()


def test_the_filter_accepts_a_configuration_with_a_schema_member(own_gateway, world):
    assert own_gateway.configure({"$schema": "../docs/configuration.schema.json"} | configuration(world))


def test_a_secret_in_the_file_causes_a_warning_and_is_never_shown(command, write):
    document = GOOD | {"providers": [{"name": "p", "type": "openai", "api_key": {"value": "sk-very-secret"}}]}
    done = command("check", write(document), check=0)
    assert "warning: /providers/0/api_key" in done.stdout
    assert "sk-very-secret" not in done.stdout + done.stderr
    command("check", write(document), "--strict", check=1)


def test_invalid_plugin_options_are_reported(command, write):
    text = (PROJECT / "envoy/filter.yaml").read_text()
    text = text.replace("allow_on_headers_stop_iteration: true", "").replace("FAIL_RELOAD", "FAIL_OPEN")
    text = text.replace("OPENAI_API_KEY, ", "")
    done = command("check", write(text, "filter.yaml"), check=1)
    for words in ["allow_on_headers_stop_iteration", "unchecked", "does not list OPENAI_API_KEY"]:
        assert words in done.stdout


def test_a_cluster_that_envoy_lacks_is_reported(command, write, findings):
    document = GOOD | {"providers": [GOOD["providers"][0] | {"cluster": "mine"}]}
    found, code = findings(document)
    assert code == 0
    assert [(one["severity"], one["path"], one["line"]) for one in found] == [("warning", "/providers/0/cluster", 20)]
    assert '"mine"' in found[0]["message"] and "--bootstrap" in found[0]["hint"]

    shipped = PROJECT / "envoy/bootstrap.yaml"
    found, code = findings(document, "--bootstrap", shipped)
    assert (code, [one["severity"] for one in found]) == (1, ["error"])
    own = write(shipped.read_text().replace("name: upstream_https_websocket", "name: mine"), "bootstrap.yaml")
    assert findings(document, "--bootstrap", own) == ([], 0)
    done = command("check", write(GOOD), "--bootstrap", write(GOOD, "other.json"), check=1)
    assert "not an Envoy bootstrap" in done.stderr


def test_pod_identity_is_reported(findings):
    agent = {"uri": "http://169.254.170.23/v1/credentials"}
    bedrock = {"name": "b", "type": "bedrock", "region": "us-east-1", "credentials": {"container": agent}}
    found, _ = findings(GOOD | {"providers": [bedrock]})
    assert [one["path"] for one in found] == ["/providers/0/credentials/container/uri"]
    assert '"signing": "envoy"' in found[0]["message"]


def test_the_online_check_reaches_issuer_keys_and_providers(findings, world):
    found, code = findings(configuration(world), "--online")
    fine = [finding["path"] for finding in found if finding["severity"] == "ok"]
    assert code == 0
    assert "/authentication/issuers/0/jwks_uri" in fine
    assert [f"/providers/{index}/base_url" in fine for index in range(6)] == [True] * 6


def test_the_online_check_reports_unreachable_servers(findings, world):
    document = configuration(world)
    document["authentication"]["issuers"][0]["issuer"] += "/"
    document["providers"] = [
        {"name": "a", "type": "openai", "base_url": f"http://127.0.0.1:{free_port()}", "api_key": {"env": "UNSET_KEY"}},
        {"name": "b", "type": "openai", "base_url": "https://does-not-exist.invalid", "api_key": {"env": "SET_KEY"}},
    ]
    found, code = findings(document, "--online", SET_KEY="k")
    messages = {finding["path"]: finding["message"] for finding in found if finding["severity"] == "error"}
    assert code == 1
    assert "names the issuer" in messages["/authentication/issuers/0/issuer"]
    assert "UNSET_KEY is not set" in messages["/providers/0/api_key"]
    assert {"/providers/0/base_url", "/providers/1/base_url"} < set(messages)
    assert "/providers/1/api_key" not in messages


@pytest.mark.parametrize(
    "fault, severity, words",
    [
        (Fault(status=500), "error", "answers 500"),
        (Fault(body=b"<html>"), "error", "jwks.json"),
        (Fault(body=b'{"keys": []}'), "error", "jwks.json"),
        (Fault(headers={"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}), "warning", "let both follow NTP"),
    ],
)
def test_the_online_check_reports_faulty_issuers(findings, world, fault, severity, words):
    world.identity_provider.fault["jwks"] = fault
    try:
        found, code = findings(configuration(world), "--online")
    finally:
        del world.identity_provider.fault["jwks"]
    assert code == (1 if severity == "error" else 0)
    assert any(finding["severity"] == severity and words in finding["message"] for finding in found), found


def test_the_schema_accepts_what_the_filter_accepts(command, world):
    schema = json.loads(command("schema", check=0).stdout)
    assert schema == json.loads((PROJECT / "docs/configuration.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    validator.validate(GOOD)
    validator.validate(configuration(world))
    assert list(validator.iter_errors(GOOD | {"provider": []}))
