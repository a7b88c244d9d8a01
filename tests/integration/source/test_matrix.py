"""tests/matrix.py: how it counts, runs failed tests again, and writes README.md's table of Envoy versions."""

import datetime
import re

import pytest

from tests import matrix

COUNT = r"[1-9]\d{0,2}(,\d{3})*"
RESULT = re.compile(
    rf"({COUNT} failed, )?{COUNT} passed(, {COUNT} flaky \(passed when run again\))?(, {COUNT} skipped)?|{COUNT} failed"
)
FAILURE, ERROR, SKIPPED = '<failure message="m">text</failure>', '<error message="m">text</error>', "<skipped/>"


def report(*cases):
    """Pytest's JUnit report of such tests: a name, and what came of it if it did not pass."""
    tests = "".join(f'<testcase classname="t" name="{name}">{"".join(what)}</testcase>' for name, *what in cases)
    return f"<testsuites><testsuite>{tests}</testsuite></testsuites>"


class Pytest:
    """Stands for pytest: each run writes the next of these reports, or none for `None`."""

    def __init__(self, *reports):
        self.reports = list(reports)
        self.options = []

    def __call__(self, *options):
        self.options.append(options)
        (path,) = [option.removeprefix("--junitxml=") for option in options if option.startswith("--junitxml=")]
        if (text := self.reports.pop(0)) is not None:
            with open(path, "w") as file:
                file.write(text)
        return "what pytest printed"


def described(*reports):
    """What the table says after these runs."""
    return matrix.describe(matrix.run(Pytest(*reports)))


def test_a_run_without_failures_is_the_only_one(capsys):
    runs = Pytest(report(("a",), ("b",), ("c", SKIPPED)))
    assert matrix.describe(matrix.run(runs)) == "2 passed, 1 skipped"
    assert len(runs.options) == 1
    assert not capsys.readouterr().out


def test_only_the_failed_tests_run_again(capsys):
    runs = Pytest(report(("a",), ("b", FAILURE)), report(("b",)))
    matrix.run(runs)
    first, second = runs.options
    assert "--last-failed" not in first
    assert "--last-failed" in second
    (cache,) = [option for option in first if option.startswith("cache_dir=")]
    assert cache in second
    assert "what pytest printed" in capsys.readouterr().out


def test_a_test_that_passes_when_run_again_is_flaky():
    first = report(("a",), ("b", FAILURE), ("c", SKIPPED), ("d", ERROR))
    assert described(first, report(("b",), ("d",))) == "1 passed, 2 flaky (passed when run again), 1 skipped"


def test_a_test_that_fails_twice_has_failed():
    first = report(("a",), ("b", FAILURE), ("c", FAILURE))
    assert described(first, report(("b",), ("c", FAILURE))) == "1 failed, 1 passed, 1 flaky (passed when run again)"


def test_a_failed_test_that_is_not_run_again_has_failed():
    first = report(("a",), ("b", FAILURE))
    assert described(first, report()) == "1 failed, 1 passed"
    assert described(first, report(("b", SKIPPED))) == "1 failed, 1 passed"
    assert described(first, None) == "1 failed, 1 passed"


def test_a_test_whose_teardown_fails_counts_once():
    assert described(report(("a",), ("a", ERROR)), report(("a",))) == "1 flaky (passed when run again)"
    assert described(report(("a", ERROR), ("a",)), report(("a",), ("a", ERROR))) == "1 failed"


def test_no_tests_and_no_report_are_failures():
    assert described(report()) == "1 failed"
    assert described(None, None) == "1 failed"


def test_counts_have_thousands_separators():
    assert matrix.describe(matrix.Counter(passed=2441, skipped=1000)) == "2,441 passed, 1,000 skipped"


@pytest.fixture
def readme(tmp_path, monkeypatch):
    """A README.md with a table in which nothing was run."""
    file = tmp_path / "README.md"
    mark = f"<!-- written by tests/matrix.py, checksum {matrix.checksum(matrix.HEAD)} -->\n"
    file.write_text(f"before\n\n{mark}{matrix.HEAD}\nafter\n")
    monkeypatch.setattr(matrix, "README", file)
    return file


def test_a_row_says_when_its_version_was_last_run(readme, monkeypatch):
    today = datetime.date.today().isoformat()
    monkeypatch.setattr(matrix, "find_envoy", lambda version: f"/envoy-{version}")
    monkeypatch.setattr(matrix, "run", lambda pytest: matrix.Counter(passed=1700, skipped=3))
    assert matrix.main(["1.40.0"]) == 0
    text = readme.read_text()
    assert f"| 1.40.0 | {today} | 1,700 passed, 3 skipped | everything |\n" in text
    assert "| 1.37.0 | — | not run since the last change | everything |\n" in text
    assert text.startswith("before\n\n<!-- written by ")
    assert text.endswith("|\n\nafter\n")


def test_other_rows_are_kept(readme):
    matrix.write({"1.37.0": ("2026-01-02", "5 passed")})
    matrix.write({"1.40.0": ("2026-03-04", "6 passed")})
    found = matrix.read(readme.read_text())
    assert list(found) == list(matrix.VERSIONS)
    assert (found["1.37.0"], found["1.40.0"]) == (("2026-01-02", "5 passed"), ("2026-03-04", "6 passed"))


def test_a_reset_runs_nothing_and_forgets_the_counts(readme):
    matrix.write({"1.37.0": ("2026-01-02", "5 passed"), "1.40.0": ("2026-03-04", "6 passed")})
    assert matrix.main(["--reset", "1.37.0"]) == 0
    assert matrix.read(readme.read_text())["1.40.0"] == ("2026-03-04", "6 passed")
    assert matrix.main(["--reset"]) == 0
    assert set(matrix.read(readme.read_text()).values()) == {matrix.NOT_RUN}


def test_the_exit_status_is_about_failed_tests_not_about_flaky_ones(readme, monkeypatch):
    monkeypatch.setattr(matrix, "find_envoy", lambda version: f"/envoy-{version}")
    results = iter([matrix.Counter(passed=1, flaky=1), matrix.Counter(passed=1, failed=1), matrix.Counter(passed=2)])
    monkeypatch.setattr(matrix, "run", lambda pytest: next(results))
    assert matrix.main(["1.40.0"]) == 0
    assert matrix.main(["1.37.0", "1.40.0"]) == 1


def test_an_unsupported_version_is_refused(readme, capsys):
    assert matrix.main(["1.0.0"]) == 2
    assert "1.0.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5 passed", "6 passed"),
        ("5 passed", "5 passed, 9 passed when run again"),
        ("2026-01-02", "2026-01-03"),
        ("| 1.38.2 | — | not run since the last change | everything |\n", ""),
        ("last run", "run"),
        ("<!-- written by tests/matrix.py", "<!-- written by somebody"),
    ],
)
def test_an_edit_by_hand_is_found_and_not_overwritten(old, new, readme):
    matrix.write({"1.37.0": ("2026-01-02", "5 passed")})
    edited = readme.read_text().replace(old, new)
    assert edited != readme.read_text()
    readme.write_text(edited)
    with pytest.raises(matrix.EditedByHand):
        matrix.main(["--reset"])
    with pytest.raises(matrix.EditedByHand):
        matrix.main([])
    assert readme.read_text() == edited


def test_the_table_in_the_readme_is_as_the_program_wrote_it():
    text = matrix.README.read_text()
    found = matrix.read(text)
    assert list(found) == list(matrix.VERSIONS)
    for version, (date, result) in found.items():
        if (date, result) != matrix.NOT_RUN:
            assert datetime.date.fromisoformat(date), version
            assert RESULT.fullmatch(result), version
    works = {row["version"]: row["works"] for row in matrix.ROW.finditer(matrix.TABLE.search(text)["rows"])}
    assert works == matrix.VERSIONS
