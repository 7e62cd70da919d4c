"""What the doctor tells agrees with its exit status."""

from __future__ import annotations

from importlib.metadata import version

from command_runs import Invoke


def test_the_doctor_tells_versions_and_models_and_exits_1_only_if_something_is_missing(invoke: Invoke) -> None:
    result = invoke("doctor")
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["claimhound"] == version("claimhound")
    assert lines["tantivy"] == version("tantivy")
    assert int(lines["threads"]) >= 1
    assert "sample" in lines
    assert [line for line in result.stdout.splitlines() if line != line.rstrip()] == []
    if result.exit_code == 0:
        assert result.stderr == ""
        assert "missing" not in result.stdout
    else:
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].endswith("missing; what to do is said above")
