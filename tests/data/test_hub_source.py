from pathlib import Path

import pytest

from data.claims import read_claims
from data.documents import read_documents
from data.errors import InputError, RecordError
from data.records import Document, Query
from data.sources import parse_hub_name

LINES = '{"_id": "a", "text": "one", "n": 1}\n{"_id": "b", "text": "two", "n": 2}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set with two splits, of the kind that the Hub holds."""
    (tmp_path / "train.jsonl").write_text(LINES)
    (tmp_path / "test.jsonl").write_text('{"text": "three"}\n{"text": ""}\n')
    return tmp_path


def test_a_data_set_is_read_by_name_and_split(folder: Path) -> None:
    assert list(read_documents([f"hf:{folder}:train"])) == [
        Document("a", "one", fields={"n": 1}),
        Document("b", "two", fields={"n": 2}),
    ]


def test_records_are_numbered_and_claims_are_read_alike(folder: Path) -> None:
    skipped: list[RecordError] = []
    source = f"hf:{folder}:test"
    assert list(read_claims(source, on_error="skip", skipped=skipped)) == [Query(f"{folder.name}:1", "three")]
    assert [str(error) for error in skipped] == [f"{source}:2: the text in field 'text' is blank"]


def test_the_split_may_be_left_out_only_where_there_is_one(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        list(read_documents([f"hf:{folder}"]))
    assert str(caught.value) == f"hf:{folder}: has the splits test, train; add :SPLIT to name one"
    (folder / "test.jsonl").unlink()
    assert [document.doc_id for document in read_documents([f"hf:{folder}"])] == ["a", "b"]


@pytest.mark.parametrize("suffix", [":validation", "@other:train"])
def test_an_unknown_split_or_configuration_is_an_error_in_one_line(folder: Path, suffix: str) -> None:
    with pytest.raises(InputError) as caught:
        list(read_documents([f"hf:{folder}{suffix}"]))
    assert str(caught.value).startswith(f"hf:{folder}{suffix}: cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_a_data_set_out_of_reach_is_an_error_in_one_line() -> None:
    with pytest.raises(InputError) as caught:
        list(read_documents(["hf:claimhound-tests/not-there:train"]))
    assert str(caught.value).startswith("hf:claimhound-tests/not-there:train: cannot be loaded: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("hf:scifact", ("scifact", None, None)),
        ("hf:BeIR/scifact:test", ("BeIR/scifact", None, "test")),
        ("hf:BeIR/scifact@corpus", ("BeIR/scifact", "corpus", None)),
        ("hf:BeIR/scifact@corpus:train[:5]", ("BeIR/scifact", "corpus", "train[:5]")),
    ],
)
def test_a_hub_name_has_up_to_three_parts(word: str, parts: tuple[str, str | None, str | None]) -> None:
    assert parse_hub_name(word) == parts


@pytest.mark.parametrize("word", ["hf:", "hf::train", "hf:a:", "hf:a@", "hf:@b"])
def test_a_hub_name_without_one_of_its_parts_is_refused(word: str) -> None:
    with pytest.raises(InputError) as caught:
        read_documents([word])
    assert str(caught.value) == f"{word}: not of the form hf:NAME[@CONFIG][:SPLIT]"
