"""A journal keeps what was added, even if its writer is killed, and never mixes two jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.disk.journal import Journal, last_entry
from claimhound.data.errors import InputError

JOB: dict[str, Any] = {"generation": 3, "config": {"rerank_k": 100}}


def entries_in(path: Path, job: dict[str, Any] = JOB) -> list[object]:
    with Journal.open(path, job) as journal:
        return list(journal.entries)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "job.journal"


def test_entries_are_read_back_in_order(path: Path) -> None:
    with Journal.open(path, JOB) as journal:
        assert journal.entries == []
        journal.append([{"claim": "a"}, ["é\u2028", 1.5, None]])
        journal.append([])
        journal.append(["third"])
    with Journal.open(path, JOB) as journal:
        assert journal.entries == [{"claim": "a"}, ["é\u2028", 1.5, None], "third"]
        journal.append([4])
    assert entries_in(path)[-1] == 4


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(json_values, max_size=5))
def test_any_json_can_be_stored(tmp_path_factory: pytest.TempPathFactory, entries: list[object]) -> None:
    path = tmp_path_factory.mktemp("journal") / "any"
    with Journal.open(path, JOB) as journal:
        journal.append(entries)
    assert entries_in(path) == entries


def test_a_journal_cut_off_at_any_byte_has_the_complete_entries_and_takes_more(path: Path) -> None:
    with Journal.open(path, JOB) as journal:
        journal.append(["first", "second"])
    whole = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with Journal.open(path, JOB) as journal:
            n_whole = sum(end <= length for end in ends)
            assert journal.entries == ["first", "second"][: max(0, n_whole - 1)]
            journal.append(["next"])
        assert entries_in(path)[-1] == "next"


def test_another_job_is_refused_with_the_differences_unless_fresh(path: Path) -> None:
    with Journal.open(path, JOB) as journal:
        journal.append([1])
    with pytest.raises(InputError, match=r"unfinished job with other settings \(config.rerank_k was 100, is 50\)"):
        Journal.open(path, {"generation": 3, "config": {"rerank_k": 50}})
    with pytest.raises(InputError, match=r"\(seed was None, is 1\); run that job again, or discard it with --fresh"):
        Journal.open(path, JOB | {"seed": 1})
    assert entries_in(path) == [1]
    with Journal.open(path, JOB | {"seed": 1}, fresh=True) as journal:
        assert journal.entries == []


def test_a_changed_byte_before_the_last_line_is_an_error_with_its_line(path: Path) -> None:
    with Journal.open(path, JOB) as journal:
        journal.append(["first", "second"])
    path.write_bytes(path.read_bytes().replace(b"first", b"fjrst"))
    with pytest.raises(InputError, match=r"job.journal:2: damaged; discard it with --fresh"):
        Journal.open(path, JOB)


def test_a_file_that_is_not_a_journal_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    for notes in ("my notes\n", "my notes", "my notes\nand more\n"):
        path.write_text(notes)
        with pytest.raises(InputError, match="is not a journal of claimhound"):
            Journal.open(path, JOB)
        assert path.read_text() == notes


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        Journal.open(tmp_path / "file" / "journal", JOB)
    with pytest.raises(InputError, match="cannot be written"):
        Journal.open(tmp_path, JOB)


def test_a_full_disk_is_an_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(InputError, match="/dev/full: cannot be written"):
        Journal.open(Path("/dev/full"), JOB, fresh=True)


def test_entries_of_this_run_too_are_read_one_at_a_time(path: Path) -> None:
    with Journal.open(path, JOB) as journal:
        journal.append(["first"])
    with Journal.open(path, JOB) as journal:
        journal.append(["second", {"third": 3}])
        assert journal.entries == ["first"]
        assert len(journal) == 3
        assert list(journal) == ["first", "second", {"third": 3}]
        assert journal.read(1) == "second"
        path.write_bytes(path.read_bytes().replace(b"second", b"sec\xffnd"))
        with pytest.raises(InputError, match=r"job.journal: entry 2 cannot be read \(its checksum does not match\)"):
            journal.read(1)


def test_the_last_complete_entry_can_be_read_while_a_job_writes(path: Path) -> None:
    with Journal.open(path, JOB) as journal:
        assert last_entry(path) == (JOB, None)
        journal.append(["x" * 3_000_000, "short", ["y" * 3_000_000, "last"]])
        assert last_entry(path) == (JOB, ["y" * 3_000_000, "last"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert last_entry(path) == (JOB, "short")
    for length in range(whole.index(b"\n") + 1):
        path.write_bytes(whole[:length])
        assert last_entry(path) == (None, None)
    path.write_bytes(whole.replace(b"last", b"lost"))
    with pytest.raises(InputError, match="damaged: its checksum does not match"):
        last_entry(path)
    path.write_text("my notes\n")
    with pytest.raises(InputError, match="is not a journal of claimhound"):
        last_entry(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        last_entry(path.with_name("none"))


def test_entries_are_replaced_as_a_whole(path: Path) -> None:
    journal = Journal.open(path, JOB)
    journal.append(["first", "second"])
    journal.replace(["instead"])
    assert entries_in(path) == ["instead"]
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_a_lone_surrogate_can_be_stored(path: Path) -> None:
    with Journal.open(path, JOB) as journal:
        journal.append(["a\ud83d"])
    assert entries_in(path) == ["a\ud83d"]
