"""docs/observability.md names all metrics and log fields of the filter, and the shipped bootstrap logs all of them."""

import re

from tools.gateway import PROJECT

PAGE = (PROJECT / "docs" / "observability.md").read_text()
SOURCES = PROJECT / "src" / "core" / "telemetry"
FILES = [SOURCES.with_suffix(".rs"), *(path for path in SOURCES.glob("*.rs") if path.name != "tests.rs")]
SOURCE = "".join(path.read_text() for path in FILES)
BOOTSTRAP = (PROJECT / "envoy" / "bootstrap.yaml").read_text()

METRICS = set(re.findall(r'"((?:gen_ai|ai_gateway)_\w+)"', SOURCE))
FIELDS = set(re.findall(r'"((?:gen_ai|ai_gateway|enduser)\.[\w.]+)"', SOURCE))
LABELS = set(re.findall(r'one_label\("(\w+)"', SOURCE)) | {"issuer"}  # which src/core/gateway.rs asks for
REASONS = set(re.findall(r'=> "(\w+)"', (PROJECT / "src" / "core" / "usage" / "response_usage.rs").read_text()))


def in_code_style(names):
    return {f"`{name}`" for name in names}


def test_the_page_names_every_metric_label_field_and_reason():
    assert len(METRICS) >= 7 and len(FIELDS) >= 15 and len(LABELS) >= 7 and len(REASONS) >= 5
    names = in_code_style(METRICS | FIELDS | LABELS | REASONS)
    assert {name for name in names if name not in PAGE} == set()


def test_the_bootstrap_logs_every_field_and_extracts_every_label():
    logged = {field for field in FIELDS if f'{field}: "%FILTER_STATE(wasm.{field}:PLAIN)%"' in BOOTSTRAP}
    assert logged == FIELDS
    tags = set(re.findall(r"tag_name: (\w+)", BOOTSTRAP))
    assert tags == LABELS
