"""Tables as spreadsheets and programs write them: other delimiters, no header, two headers, blank rows."""

from pathlib import Path

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.delimiters import parse_delimiter
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document


def read(path: Path, content: str, **options: object) -> tuple[list[Document], list[str]]:
    path.write_text(content, encoding="utf-8", newline="")
    notices = Notices()
    documents = list(read_documents([path], ReadOptions(**options), notices=notices))  # type: ignore[arg-type]
    return documents, [line.removeprefix(f"{path}: ") for line in notices.lines()]


def error_of(path: Path, content: str, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read(path, content, **options)
    return str(caught.value).removeprefix(f"{path}")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize(("delimiter", "called"), [(",", "','"), (";", "';'"), ("\t", "tabs"), ("|", "'|'")])
def test_an_unexpected_delimiter_is_detected_with_a_notice(
    tmp_path: Path, name: str, delimiter: str, called: str
) -> None:
    rows = [["id", "text", "share"], ["1", '"Ice melts, and seas; rise"', "0"], ["2", "Wind is clean", "5"]]
    documents, said = read(tmp_path / name, "\r\n".join(delimiter.join(row) for row in rows))
    assert documents == [
        Document("1", "Ice melts, and seas; rise", fields={"share": "0"}),
        Document("2", "Wind is clean", fields={"share": "5"}),
    ]
    usual = {"a.csv": ",", "a.tsv": "\t"}[name]
    assert said == ([] if delimiter == usual else [f"cells are separated by {called}"])


def test_commas_in_numbers_and_texts_are_not_delimiters(tmp_path: Path) -> None:
    documents, _ = read(tmp_path / "a.csv", "id;text;share\n1;Ice, they say, melts;0,5\n2;Wind;1,25\n")
    assert documents[0] == Document("1", "Ice, they say, melts", fields={"share": "0,5"})
    documents, said = read(tmp_path / "b.csv", 'id,text\n1,"Ice; melts"\n2,a;b;c\n')
    assert ([d.text for d in documents], said) == (["Ice; melts", "a;b;c"], [])


def test_a_table_may_have_one_column(tmp_path: Path) -> None:
    documents, said = read(tmp_path / "a.csv", 'text\n"Ice, melting"\nSeas; rising\n')
    assert [d.text for d in documents] == ["Ice, melting", "Seas; rising"]
    assert said == ["records have no id; ids are made from the file name and the line"]


def test_a_header_with_unknown_names_is_split_like_its_rows(tmp_path: Path) -> None:
    content = "Nr;Aussage, gekürzt;Jahr\n1;Eis schmilzt;2020\n2;Wind, Sonne;2021\n"
    documents, _ = read(tmp_path / "a.csv", content, id_field="nr", text_field="aussage, gekürzt")
    assert documents == [
        Document("1", "Eis schmilzt", fields={"Jahr": "2020"}),
        Document("2", "Wind, Sonne", fields={"Jahr": "2021"}),
    ]


@pytest.mark.parametrize(
    ("first", "delimiter"), [("sep=,", ","), ("sep=;", ";"), ("\ufeffSEP=\t", "\t"), ('"sep=|"', "|"), ("sep=^", "^")]
)
def test_a_first_line_may_name_the_delimiter(tmp_path: Path, first: str, delimiter: str) -> None:
    documents, _ = read(tmp_path / "a.csv", f"{first}\r\nid{delimiter}text\r\n1{delimiter}Ice melts\r\n")
    assert documents == [Document("1", "Ice melts")]


@pytest.mark.parametrize("word", ["^", "\\t", "TAB", "semicolon", " "])
def test_the_delimiter_can_be_given(tmp_path: Path, word: str) -> None:
    delimiter = parse_delimiter(word)
    documents, said = read(tmp_path / "a.csv", f"id{delimiter}text\n1{delimiter}Ice,melts\n", delimiter=word)
    assert (documents, said) == ([Document("1", "Ice,melts")], [])


@pytest.mark.parametrize("word", ["", '"', "\n", "::"])
def test_an_invalid_delimiter_is_refused(tmp_path: Path, word: str) -> None:
    assert "is not a delimiter; give one character" in error_of(tmp_path / "a.csv", "id,text\n", delimiter=word)


def test_table_options_are_refused_for_other_files(tmp_path: Path) -> None:
    message = ": not a CSV or TSV file, and only these have columns; if it is one, add --input-format csv"
    assert error_of(tmp_path / "a.txt", "1,x\n", columns=("id", "text")) == message
    assert error_of(tmp_path / "a.jsonl", "{}", delimiter=";").endswith("and only these have a delimiter")
    documents, _ = read(tmp_path / "a.txt", "1,x\n", columns=("id", "text"), input_format="csv")
    assert documents == [Document("1", "x")]


@pytest.mark.parametrize("content", ["1,Ice melts\n2,Seas rise\n", "a;b\nc;d\n"])
def test_a_first_row_of_data_is_never_used_as_a_header(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    for on_error in ("stop", "skip"):
        with pytest.raises(InputError) as caught:
            list(read_documents([path], on_error=on_error))  # type: ignore[arg-type]
        assert "its first line has no column 'text'" in str(caught.value)
        assert str(caught.value).endswith("if the file has no header, all columns with --columns id,text")


def test_given_columns_name_a_table_without_a_header_or_replace_the_header(tmp_path: Path) -> None:
    columns = ("id", "text")
    assert read(tmp_path / "a.csv", "7;Ice\n8;Sea\n", columns=columns) == (
        [Document("7", "Ice"), Document("8", "Sea")],
        ["cells are separated by ';'"],
    )
    for header in ("id,text", "ID,Text", "doc_id,Body"):
        documents, said = read(tmp_path / "b.csv", f"{header}\n8,Sea\n", columns=columns)
        assert documents == [Document("8", "Sea")]
        assert said == [f"the first line is a header and is left out: {header.replace(',', ', ')}"]


def test_given_columns_must_include_a_text(tmp_path: Path) -> None:
    message = ": none of the columns id, words is 'text' (or evidence, sentence, passage, contents, …)"
    assert error_of(tmp_path / "a.csv", "1,x\n", columns=("id", "words")) == message


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_repeated_header_is_not_a_record(tmp_path: Path, name: str) -> None:
    content = "id,text\n1,Ice\nid,text\n2,Sea\nID,Text\n3,Wind\n"
    documents, said = read(tmp_path / name, content.replace(",", "\t" if name.endswith("tsv") else ","))
    assert [d.doc_id for d in documents] == ["1", "2", "3"]
    assert said == ["repeated header lines left out: 2 (the first in line 3)"]


@pytest.mark.parametrize("header", ["text,id", "id,claim", "doc_id,text"])
def test_a_second_header_with_other_columns_is_refused(tmp_path: Path, header: str) -> None:
    message = error_of(tmp_path / "a.csv", f"id,text\n1,Ice\n{header}\nSea,2\n")
    assert message.startswith(f":3: another header, {header.replace(',', ', ')}; the first was id, text: ")


def test_blank_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    documents, said = read(tmp_path / "a.csv", "id,text,,\r\n1,Ice,,\r\n,,,\r\n , ,\t,\r\n\r\n2,Sea,,\r\n,\r\n")
    assert documents == [Document("1", "Ice"), Document("2", "Sea")]
    assert said == ["blank rows left out: 3 (the first in line 3)"]
    documents, said = read(tmp_path / "a.tsv", "id\ttext\n1\tIce\n\t\n \t \n")
    assert documents == [Document("1", "Ice")]
    assert said == ["blank rows left out: 2 (the first in line 3)"]


def test_blank_cells_beyond_the_header_are_ignored(tmp_path: Path) -> None:
    documents, _ = read(tmp_path / "a.csv", "id,text\n1,Ice,, \n")
    assert documents == [Document("1", "Ice")]
    assert error_of(tmp_path / "a.csv", "id,text\n1,Ice,x\n") == ":2: expected 2 cells as in the header, got 3"


def test_a_short_row_is_refused_with_its_missing_columns(tmp_path: Path) -> None:
    message = ":2: expected 4 cells as in the header, got 2; missing: note, url"
    assert error_of(tmp_path / "a.csv", "id,text,note,url\n1,Ice\n") == message


def test_cells_without_a_column_name_are_kept(tmp_path: Path) -> None:
    documents, said = read(tmp_path / "a.csv", ",id,text,\n0,a,Ice,\n1,b,Sea,see p. 3\n")
    assert documents == [
        Document("a", "Ice", fields={"column_1": "0"}),
        Document("b", "Sea", fields={"column_1": "1", "column_4": "see p. 3"}),
    ]
    assert said[0] == "cells without a column name, kept as column_1: 2 (the first in line 2)"


def test_a_duplicate_column_is_renamed_unless_it_is_an_important_one(tmp_path: Path) -> None:
    documents, said = read(tmp_path / "a.csv", "id,text,note,note\n1,Ice,x,y\n")
    assert documents == [Document("1", "Ice", fields={"note": "x", "note_2": "y"})]
    assert said == ["the second column 'note' is renamed 'note_2'"]
    assert error_of(tmp_path / "a.csv", "id,text,text\n1,x,y\n") == ": the header names the column 'text' twice"


def test_given_columns_work_for_claims_too(tmp_path: Path) -> None:
    path = tmp_path / "claims.tsv"
    path.write_text("100\tIce melts\n")
    assert [c.query_id for c in read_claims(path, ReadOptions(columns=("id", "claim")))] == ["100"]
    with pytest.raises(InputError, match="has no column 'claim'") as caught:
        list(read_claims(path))
    assert not isinstance(caught.value, RecordError)
