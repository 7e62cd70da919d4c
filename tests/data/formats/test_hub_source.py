from pathlib import Path

import datasets
import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.sources import parse_hub_name
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document, Query

LINES = '{"_id": "a", "text": "one", "n": 1}\n{"_id": "b", "text": "two", "n": 2}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set with two splits, like those on the Hub."""
    (tmp_path / "train.jsonl").write_text(LINES)
    (tmp_path / "test.jsonl").write_text('{"text": "three"}\n{"text": ""}\n')
    return tmp_path


def test_a_data_set_is_read_by_name_and_split(folder: Path) -> None:
    assert list(read_documents([f"hf:{folder}:train"])) == [
        Document("a", "one", fields={"n": 1}),
        Document("b", "two", fields={"n": 2}),
    ]


def test_records_are_numbered_and_claims_are_read_the_same_way(folder: Path) -> None:
    skipped: list[RecordError] = []
    source = f"hf:{folder}:test"
    assert list(read_claims(source, on_error="skip", skipped=skipped)) == [Query(f"{folder.name}:1", "three")]
    assert [str(error) for error in skipped] == [f"{source}:2: the text in field 'text' is blank"]


def test_the_split_may_be_omitted_only_if_there_is_one(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        list(read_documents([f"hf:{folder}"]))
    assert str(caught.value) == f"hf:{folder}: has the splits test, train; add :SPLIT to name one"
    (folder / "test.jsonl").unlink()
    assert [document.doc_id for document in read_documents([f"hf:{folder}"])] == ["a", "b"]


@pytest.mark.parametrize("suffix", [":validation", "@other:train"])
def test_an_unknown_split_or_configuration_is_a_one_line_error(folder: Path, suffix: str) -> None:
    with pytest.raises(InputError) as caught:
        list(read_documents([f"hf:{folder}{suffix}"]))
    assert str(caught.value).startswith(f"hf:{folder}{suffix}: cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_a_data_set_that_cannot_be_downloaded_is_a_one_line_error() -> None:
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
def test_a_hub_name_with_an_empty_part_is_refused(word: str) -> None:
    with pytest.raises(InputError) as caught:
        read_documents([word])
    assert str(caught.value) == f"{word}: must have the form hf:NAME[@CONFIG][:SPLIT]"


NAMED = datasets.Features(
    {
        "id": datasets.Value("string"),
        "text": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["true", "false"]),
    }
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A data set with one split, written by `save_to_disk`."""
    rows = {"id": ["a", "b"], "text": ["one", "two"], "label": [1, 0]}
    datasets.Dataset.from_dict(rows, features=NAMED).save_to_disk(tmp_path / "set@1")
    return tmp_path / "set@1"


@pytest.mark.parametrize("prefix", ["", "hf:"])
def test_a_saved_data_set_is_read_with_its_label_names(saved: Path, prefix: str) -> None:
    assert list(read_documents([f"{prefix}{saved}"])) == [
        Document("a", "one", fields={"label": "false"}),
        Document("b", "two", fields={"label": "true"}),
    ]
    assert [claim.query_id for claim in read_claims(f"{prefix}{saved}")] == ["a", "b"]


def test_a_saved_data_set_has_neither_splits_nor_configurations(saved: Path) -> None:
    with pytest.raises(InputError) as split:
        list(read_documents([f"hf:{saved}:train"]))
    assert str(split.value) == f"hf:{saved}:train: is a saved data set without splits; remove :train"
    plain = saved.rename(saved.with_name("set"))
    with pytest.raises(InputError) as config:
        list(read_documents([f"hf:{plain}@other"]))
    assert str(config.value) == f"hf:{plain}@other: is a saved data set, which has no configurations; remove @other"


def test_a_saved_split_is_read_by_name(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sets"
    one = datasets.load_from_disk(str(saved))
    datasets.DatasetDict({"train": one, "test": one.select([1])}).save_to_disk(folder)
    assert [document.doc_id for document in read_documents([f"hf:{folder}:test"])] == ["b"]
    reasons = {
        f"{folder}": f"{folder}: has the splits test, train; name one as in hf:{folder}:SPLIT",
        f"hf:{folder}": f"hf:{folder}: has the splits test, train; add :SPLIT to name one",
        f"hf:{folder}:dev": f"hf:{folder}:dev: has the splits test, train; it has no dev",
    }
    for word, reason in reasons.items():
        with pytest.raises(InputError) as caught:
            list(read_documents([word]))
        assert str(caught.value) == reason
    (folder / "train" / "data-00000-of-00001.arrow").write_bytes(b"no table")
    with pytest.raises(InputError, match=rf"^hf:{folder}:train: cannot be loaded: ") as damaged:
        list(read_documents([f"hf:{folder}:train"]))
    assert "\n" not in str(damaged.value)


def test_a_single_saved_split_needs_no_name(saved: Path, tmp_path: Path) -> None:
    datasets.DatasetDict({"dev": datasets.load_from_disk(str(saved))}).save_to_disk(tmp_path / "sets")
    for word in (f"{tmp_path / 'sets'}", f"hf:{tmp_path / 'sets'}", f"hf:{tmp_path / 'sets'}:dev"):
        assert [document.doc_id for document in read_documents([word])] == ["a", "b"]


def test_a_folder_of_parquet_files_is_read_with_its_label_names(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    datasets.load_from_disk(str(saved)).to_parquet(tmp_path / "files" / "test.parquet")
    (first, _) = read_documents([f"hf:{tmp_path / 'files'}:test"])
    assert first == Document("a", "one", fields={"label": "false"})
    with pytest.raises(InputError, match=rf"read its Parquet files together, give hf:{tmp_path / 'files'}, or"):
        read_documents([tmp_path / "files"])


def test_judgments_are_read_from_a_saved_data_set(tmp_path: Path) -> None:
    rows = {"query-id": ["q"], "corpus-id": ["d"], "score": [1]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "qrels")
    assert read_qrels(tmp_path / "qrels") == {"q": {"d": 1}}
