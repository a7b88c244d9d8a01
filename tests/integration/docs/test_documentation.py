"""The documentation: its links work, it covers everything in the code, and its commands work."""

import json
import os
import re
import shutil
import subprocess

import jsonschema
import pytest

from support.gateway_config import configuration
from tools.gateway import PROJECT

DOCS = PROJECT / "docs"
INTEGRATION_TESTS = PROJECT / "tests" / "integration"
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=PROJECT, capture_output=True, text=True).stdout.split()
PAGES = [PROJECT / name for name in TRACKED] or [PROJECT / "README.md", *DOCS.glob("*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
RUN = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)
NAMED_FILE = re.compile(r"`((?:src|tests|docs|envoy|examples|mocks|tools|bench|fuzz)/[\w./*-]*)`")
NAMED_TEST = re.compile(r"`(test_\w+\.py)(?:::(\w+))?`")
SCHEMA = json.loads((DOCS / "configuration.schema.json").read_text())
CODES = re.compile(r"pub const fn code\(&self\) -> &'static str \{.*?\n    \}\n", re.DOTALL)


def prose(page):
    """The page without its code blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """The anchors of a page, as GitHub derives them from headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_has_a_target(page):
    for link in LINK.findall(prose(page)):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(PROJECT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_named_file_and_test_exists(page):
    text = page.read_text()
    for path in NAMED_FILE.findall(text):
        assert any(PROJECT.glob(path.rstrip("/"))), path
    for file, test in NAMED_TEST.findall(text):
        found = list(INTEGRATION_TESTS.rglob(file))
        assert len(found) == 1, file
        assert not test or f"def {test}(" in found[0].read_text(), test


def test_exactly_the_existing_error_codes_are_documented():
    rows = re.findall(r"^\| \d[^|]*\|([^|]*)\|", (DOCS / "errors.md").read_text(), re.MULTILINE)
    codes = {
        code
        for file in (PROJECT / "src").rglob("*.rs")
        for function in CODES.findall(file.read_text())
        for code in re.findall(r'=> "(\w+)"', function)
    }
    for file in ("rejection.rs", "mcp.rs"):
        rejections = (PROJECT / "src" / "core" / "reply" / file).read_text()
        codes |= set(re.findall(r'ErrorResponse::new\(\s*&?\w+,\s*"(\w+)"', rejections))
    for file in ("mcp/list_filter.rs", "transaction/mcp_forwarded.rs"):
        codes |= set(re.findall(r'Self::\w+ => "(\w+_\w+)"', (PROJECT / "src" / "core" / file).read_text()))
    assert len(codes) > 20
    codes |= set(re.findall(r"code: ([a-z_]+)", (PROJECT / "envoy" / "bootstrap.yaml").read_text()))
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == codes


def test_the_overview_links_to_every_page():
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall((DOCS / "README.md").read_text())}
    assert not {page.name for page in DOCS.glob("*.md") if page.name != "README.md"} - {page.name for page in linked}


def test_every_field_of_the_configuration_is_documented():
    page = re.sub(r"```.*?```", "", (DOCS / "configuration.md").read_text(), flags=re.DOTALL)
    documented = set(re.findall(r"\$?\w+", " ".join(re.findall(r"`([^`]+)`", page))))
    assert len(names(SCHEMA)) > 60
    assert not names(SCHEMA) - documented


def names(schema):
    """The names of all members that the schema has at any depth."""
    if isinstance(schema, list):
        return set().union(*map(names, schema))
    if not isinstance(schema, dict):
        return set()
    found = set().union(*map(names, schema.values()))
    members = schema.get("properties")
    return found | set(members) if isinstance(members, dict) else found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_named_make_target_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", page.read_text())) | set(
        re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE)
    )
    assert not named - targets


def test_each_providers_entry_is_valid():
    entries = [
        json.loads(entry) for entry in re.findall(r"```json\n(.*?)```", (DOCS / "providers.md").read_text(), re.DOTALL)
    ]
    issuers = [{"issuer": "https://auth.example.com/", "audiences": ["ai-gateway"]}]
    jsonschema.validate({"authentication": {"issuers": issuers}, "providers": entries}, SCHEMA)
    assert {entry["type"] for entry in entries} == set(SCHEMA["$defs"]["Provider"]["properties"]["type"]["enum"])


def test_each_example_of_prices_is_valid_and_each_provider_type_has_one():
    text = (DOCS / "configuration.md").read_text()
    examples = re.findall(r"<summary>(.*?)</summary>\n\n```json\n(.*?)```", text, re.DOTALL)
    schema = {"$ref": "#/$defs/Prices", "$defs": SCHEMA["$defs"]}
    for _, example in examples:
        for entry in json.loads(example).values():
            jsonschema.validate(entry, schema)
    titles = " ".join(title for title, _ in examples)
    assert all(name in titles for name in ("OpenAI", "Anthropic", "Google", "bedrock_mantle", "openai_compatible"))


def test_the_tutorial_works(world, token, start_gateway):
    ask_openai, ask_anthropic, refused, rename, listed, usage, metrics = RUN.findall((DOCS / "tutorial.md").read_text())
    with start_gateway(configuration(world)) as gateway:

        def run(commands):
            variables = {
                "GATEWAY": gateway.url,
                "ADMIN": gateway.admin_url,
                "TOKEN": token,
                "FILTER": str(gateway.filter_file),
            }
            environment = {"PATH": os.environ["PATH"], **variables}
            done = subprocess.run(["sh", "-ec", commands], env=environment, capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert "Hello from the mock of OpenAI: you said 'Hello from AI Gateway'." in run(ask_openai)
        assert "Hello from the mock of Anthropic" in run(ask_anthropic)
        assert json.loads(run(refused))["error"]["code"] == "token_missing"
        run(rename)
        assert "my-llama" in {one["name"] for one in json.loads(run(listed))["providers"]}
        assert "my-openai" in run(usage)
        assert run(metrics).startswith("ai_gateway_requests{")


def test_the_files_for_an_envoy_without_root_are_valid(tmp_path):
    (commands,) = RUN.findall((DOCS / "install.md").read_text())
    shutil.copytree(PROJECT / "envoy", tmp_path / "envoy")
    shutil.copy(PROJECT / "ai_gateway_filter.wasm", tmp_path)
    subprocess.run(["sh", "-ec", commands], cwd=tmp_path, check=True, timeout=30)
    written = (tmp_path / "gateway" / "ai-gateway" / "filter.yaml").read_text()
    assert f"filename: {tmp_path}/gateway/ai_gateway_filter.wasm" in written
    validate = [os.environ["ENVOY"], "--mode", "validate", "-c", "gateway/bootstrap.yaml"]
    subprocess.run(validate, cwd=tmp_path, check=True, timeout=50, capture_output=True)
