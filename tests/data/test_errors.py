"""Errors that cross a process boundary, and the line to quote from an error of a library."""

import pickle

import pytest

from claimhound.data.errors import BlankText, RecordError, first_line, last_line


def test_the_first_and_last_line_of_an_error() -> None:
    error = ValueError("\none\ntwo\n")
    assert (first_line(error), last_line(error)) == ("one", "two")
    assert first_line(ValueError()) == last_line(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    "error", [RecordError("a.jsonl", 3, "no text"), BlankText("a.jsonl", 3, "blank", "id-1", {"title": "Ice"})]
)
def test_a_record_error_survives_pickling(error: RecordError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
