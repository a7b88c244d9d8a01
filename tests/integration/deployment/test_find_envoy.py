"""tools/find-envoy.sh: which Envoy `make run` and `make test` use. func-e is a fake that prints its arguments."""

import subprocess

import pytest

from tools.gateway import PROJECT

SCRIPT = PROJECT / "tools" / "find-envoy.sh"
VERSION = (PROJECT / ".envoy-version").read_text().strip()
FUNC_E = """#!/bin/sh
[ "$*" = which ] || { echo "asked for $*" >&2; exit 1; }
echo "/func-e/${ENVOY_VERSION:-$(cat "$PWD/.envoy-version")}/bin/envoy"
"""


@pytest.fixture
def find(tmp_path):
    """What the script prints, with these programs on PATH and these variables."""

    def find(*programs, **environment):
        for name in programs:
            program = tmp_path / name
            program.write_text(FUNC_E)
            program.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **environment}
        done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n").replace(str(tmp_path), "PATH")

    return find


def test_the_envoy_variable_takes_precedence(find):
    assert find("envoy", "func-e", ENVOY="/opt/envoy") == "/opt/envoy"


def test_envoy_on_the_path_is_used(find):
    assert find("envoy", "func-e") == "PATH/envoy"


def test_func_e_is_used_with_the_pinned_version(find):
    assert find("func-e") == f"/func-e/{VERSION}/bin/envoy"


def test_an_explicit_version_always_uses_func_e(find):
    assert find("envoy", "func-e", ENVOY_VERSION="1.38.2") == "/func-e/1.38.2/bin/envoy"


def test_a_failure_of_func_e_is_reported(tmp_path):
    program = tmp_path / "func-e"
    program.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 1\n")
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "no such version" in done.stderr
