"""The line to quote from an error of a library."""

from claimhound.data.errors import first_line, last_line


def test_the_first_and_last_line_of_an_error() -> None:
    error = ValueError("\none\ntwo\n")
    assert (first_line(error), last_line(error)) == ("one", "two")
    assert first_line(ValueError()) == last_line(ValueError()) == "ValueError"
