"""tools/check-layers.py, which make lint runs, rejects an import against the layers and a cycle."""

import re
import shutil
import subprocess
import sys

import pytest

from tools.gateway import PROJECT

CORE = PROJECT / "src" / "core"


def check(core):
    command = [sys.executable, PROJECT / "tools" / "check-layers.py", core]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def core(tmp_path):
    """A copy of the core's sources, to introduce faults in."""
    return shutil.copytree(CORE, tmp_path / "core")


def append(file, line):
    file.write_text(f"{line}\n{file.read_text()}")


def test_the_core_has_no_cycle_and_no_import_against_the_layers():
    done = check(CORE)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "use crate::transaction::Transaction;",
        "pub(crate) use crate::transaction::{Effect, Flow};",
        "use crate::{transaction::Transaction, base};",
        "fn f() -> crate::transaction::Flow { loop {} }",
        "use super::super::transaction::Flow;",
    ],
)
def test_an_import_against_the_layers_is_rejected(core, line):
    append(core / "http" / "head.rs", line)
    done = check(core)
    assert done.returncode == 1
    assert "src/core/http/head.rs imports `transaction`, which is in a higher layer" in done.stderr


def test_an_import_within_a_layer_is_rejected(core):
    append(core / "http" / "head.rs", "use crate::base::secret::Secret;")
    done = check(core)
    assert done.returncode == 1
    assert (
        "src/core/http/head.rs imports `base::secret`, which is in the same layer: 1 must not import 1" in done.stderr
    )


def test_a_cycle_between_modules_is_rejected(core):
    append(core / "http" / "head.rs", "use crate::fetch::callout::Callout;")
    done = check(core)
    assert done.returncode == 1
    assert re.search(r"import each other in a cycle: (http -> fetch -> http|fetch -> http -> fetch)", done.stderr)
    assert "src/core/http/head.rs imports `fetch::callout`" in done.stderr


def test_a_cycle_between_the_children_of_a_module_is_rejected(core):
    append(core / "base" / "time.rs", "use super::secret::Secret;")
    append(core / "base" / "secret.rs", "use crate::base::time::UnixTime;")
    done = check(core)
    assert done.returncode == 1
    assert "src/core/base: these modules import each other in a cycle" in done.stderr


def test_a_module_without_a_layer_is_rejected(core):
    (core / "unplanned.rs").write_text("//! Nothing.\n")
    done = check(core)
    assert done.returncode == 1
    assert "the table of layers has no module `unplanned`" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "// use crate::transaction::Transaction;",
        'const TEXT: &str = "use crate::transaction::Transaction;";',
        "#[cfg(test)]\nuse crate::transaction::Transaction;",
        "#[cfg(test)]\nmod checks { use crate::transaction::Transaction; }",
    ],
)
def test_comments_texts_and_tests_are_not_imports(core, line):
    append(core / "http" / "head.rs", line)
    assert check(core).returncode == 0
