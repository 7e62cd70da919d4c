import csv
import datetime
import decimal
import gzip
import io
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError, RecordError
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document

CP1252 = "if the file is Windows-1252, give --encoding cp1252, or save it as UTF-8"
READABLE = ".jsonl, .ndjson, .json, .csv, .tsv, .txt (each also .gz, .xz, .zst) and .parquet"
LINES = "".join(f'{{"id": {n}, "text": "sentence {n * 7919 % 1000}"}}\n' for n in range(5000)).encode()

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": lambda raw: zstandard.ZstdCompressor().compress(raw),
}
packed = pytest.mark.parametrize("suffix", list(PACKERS))


def ids(*sources: str | Path) -> list[str]:
    return [document.doc_id for document in read_documents(sources)]


def error_of(*sources: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        list(read_documents(sources))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@packed
def test_a_compressed_file_is_read_like_the_plain_one(tmp_path: Path, suffix: str) -> None:
    plain = tmp_path / "a.jsonl"
    plain.write_bytes(LINES)
    small = tmp_path / f"A.JSONL.{suffix}"
    small.write_bytes(PACKERS[suffix](LINES))
    assert list(read_documents([small])) == list(read_documents([plain]))


@packed
def test_a_compressed_file_of_several_parts_is_read_to_the_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl.{suffix}"
    parts = [LINES[:100], LINES[100:60_000], b"", LINES[60_000:]]
    path.write_bytes(b"".join(PACKERS[suffix](part) for part in parts))
    assert ids(path) == [str(n) for n in range(5000)]


@packed
@pytest.mark.parametrize("damage", ["cut short", "overwritten", "not compressed at all"])
def test_a_damaged_compressed_file_is_an_error_that_names_it(tmp_path: Path, suffix: str, damage: str) -> None:
    whole = PACKERS[suffix](LINES)
    half = len(whole) // 2
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(
        {"cut short": whole[:half], "overwritten": whole[:half] + bytes(half), "not compressed at all": LINES}[damage]
    )
    assert error_of(path).startswith(f"{path}: damaged or truncated .{suffix} file: ")


@packed
def test_truncating_a_compressed_file_anywhere_is_an_error(tmp_path: Path, suffix: str) -> None:
    whole = PACKERS[suffix](b'{"id": 1, "text": "one"}\n{"id": 2, "text": "two"}\n')
    path = tmp_path / f"a.jsonl.{suffix}"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            list(read_documents([path]))
    path.write_bytes(whole)
    assert ids(path) == ["1", "2"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.csv", "a.tsv", "a.jsonl.gz"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_a_file_without_records_is_an_error(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert error_of(path) == f"{path}: contains no records"


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", "id,text\n"), ("a.tsv", "id\ttext\n"), ("a.json", "[]"), ("a.json", "{}")]
)
def test_a_header_or_brackets_alone_are_not_records(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert error_of(path) == f"{path}: contains no records"


def test_an_empty_json_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("")
    assert error_of(path) == f"{path}:1: not valid JSON, column 1: Expecting value"


def test_an_unsupported_file_is_an_error_that_lists_the_supported_ones(tmp_path: Path) -> None:
    missing = tmp_path / "no.jsonl"
    assert (
        error_of(missing) == f"{missing}: no such file or folder; supported are {READABLE}, BEIR folders, "
        "hf:NAME[@CONFIG][:SPLIT] and ir_datasets:ID"
    )
    for name, suffix in [("a.doc", ".doc"), ("a", ""), ("a.gz", ""), ("a.pdf.gz", ".pdf"), (".jsonl", "")]:
        path = tmp_path / name
        path.write_text("x")
        assert error_of(path) == (
            f"{path}: cannot read a file with suffix {suffix!r}; supported are {READABLE}; "
            "for other names, give --input-format"
        )
    assert error_of("a" * 5000) == f"{'a' * 5000!r}: not a usable path: File name too long"
    table = tmp_path / "a.parquet.gz"
    table.write_text("x")
    assert error_of(table) == f"{table}: Parquet files are compressed internally; decompress the .gz file first"


def test_a_folder_needs_exactly_one_corpus(tmp_path: Path) -> None:
    where = f"{tmp_path}: is a folder without corpus.jsonl (plain, .gz, .xz or .zst)"
    assert error_of(tmp_path) == where
    (tmp_path / "corpus-en.jsonl").write_text("")
    (tmp_path / "corpus-de.jsonl.xz").write_text("")
    assert error_of(tmp_path) == f"{where}; it contains corpus-de.jsonl.xz, corpus-en.jsonl; name one of these files"
    (tmp_path / "corpus.jsonl.zst").write_bytes(PACKERS["zst"](b'{"id": 1, "text": "t"}'))
    assert ids(tmp_path) == ["1"]
    (tmp_path / "corpus.jsonl").write_text('{"id": 1, "text": "t"}')
    assert error_of(tmp_path) == f"{tmp_path}: contains corpus.jsonl, corpus.jsonl.zst; name one of these files"


def test_a_byte_order_mark_and_windows_line_ends_are_dropped(tmp_path: Path) -> None:
    for name, content in [
        ("a.jsonl", b'{"id": "x", "text": "t"}\r\n'),
        ("a.json", b'[{"id": "x",\r\n "text": "t"}]'),
        ("a.csv", b"id,text\r\nx,t\r\n"),
        ("a.tsv", b"id\ttext\r\nx\tt\r\n"),
    ]:
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + content)
        assert list(read_documents([path])) == [Document("x", "t")]
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbft\r\n\r\nu")
    assert list(read_documents([path])) == [Document("a:1", "t"), Document("a:3", "u")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b'{"id": 1, "text": "a"}\n{"id": 2, "text": "caf\xe9"}\n{"id": 3, "text": "c"}\n'),
        ("a.csv", b'id,text\n1,"caf\xe9\nau lait"\n3,c\n'),
        ("a.tsv", b"id\ttext\n1\tcaf\xe9\n3\tc\n"),
        ("a.txt", b"a\ncaf\xe9\nc\n"),
    ],
)
def test_other_encodings_are_an_error_that_names_the_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert error_of(path) == f"{path}:2: not UTF-8: byte 0xe9; {CP1252}"
    skipped: list[RecordError] = []
    assert list(read_documents([path], on_error="skip", skipped=skipped))[-1].text == "c"
    assert [str(error) for error in skipped] == [f"{path}:2: not UTF-8: byte 0xe9; {CP1252}"]


def test_another_encoding_is_an_error_of_a_whole_json_file_or_header(tmp_path: Path) -> None:
    for name, content, line in [
        ("a.json", b'["a",\n"caf\xe9"]', 2),
        ("a.csv", b"id,caf\xe9,text\n1,2,3\n", 1),
        ("a.tsv", b"id\tcaf\xe9\ttext\n1\t2\t3\n", 1),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(RecordError) as caught:
            list(read_documents([path], on_error="skip"))
        assert str(caught.value) == f"{path}:{line}: not UTF-8: byte 0xe9; {CP1252}"


def test_a_csv_cell_may_contain_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text,n\n\na,"one, ""two""\nthree",1\n\nb,four,\n')
    assert list(read_documents([path])) == [
        Document("a", 'one, "two"\nthree', fields={"n": "1"}),
        Document("b", "four", fields={"n": ""}),
    ]


def test_a_csv_error_names_the_first_line_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\na,"1\n2\n3"\nb\nc,x,y\nd,"x"y\ne,fine\nf,"never closed\ng,lost?\n')
    skipped: list[RecordError] = []
    assert [document.doc_id for document in read_documents([path], on_error="skip", skipped=skipped)] == ["a", "e", "g"]
    assert [str(error) for error in skipped] == [
        f"{path}:5: expected 2 cells as in the header, got 1; missing: text",
        f"{path}:6: expected 2 cells as in the header, got 3",
        f"{path}:7: not valid CSV: ',' expected after '\"'",
        f"{path}:9: not valid CSV: a quote is opened and never closed",
    ]
    path.write_bytes(b"id,text\na,x\rb,y\n")
    assert error_of(path) == f"{path}:2: not valid CSV: a carriage return outside quotes"


def test_a_csv_cell_may_exceed_the_csv_module_s_default_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"id,text\na,{'x' * 200_000}\n")
    assert [len(document.text) for document in read_documents([path])] == [200_000]
    path.write_text(f"id,text\na,{'x' * (1 << 24)}y\n")
    assert (
        error_of(path)
        == f"{path}:2: not valid CSV: a cell of more than 16,777,216 characters; is a quote never closed?"
    )


@pytest.mark.parametrize(("name", "comma"), [("a.csv", ","), ("a.tsv", "\t")])
def test_a_header_is_checked(tmp_path: Path, name: str, comma: str) -> None:
    path = tmp_path / name
    path.write_text(f"id{comma} text {comma}id\n1{comma}x{comma}2\n")
    assert error_of(path) == f"{path}: the header names the column 'id' twice"
    path.write_text(f"1{comma}One.\n2{comma}Two.\n")
    assert error_of(path) == (
        f"{path}: its first line has no column 'text' (or evidence, sentence, passage, contents, …), only 1, One.; "
        "name the text column with --text-field or, if the file has no header, all columns with "
        "--columns id,text"
    )


def test_quotes_in_a_tsv_are_removed_only_around_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    rows = ['a\t"Quoted," he said "twice"', 'b\t"He said ""no"" again"', 'c\t5" pipe', 'd\t"open', 'e\t"tab\there"']
    path.write_text("\n".join(["id\ttext", *rows]))
    assert [document.text for document in read_documents([path])] == [
        '"Quoted," he said "twice"',
        'He said "no" again',
        '5" pipe',
        '"open',
        "tab\there",
    ]
    path.write_text('id\ttext\tn\na\t"x\ty"\n')
    assert list(read_documents([path])) == [Document("a", '"x', fields={"n": 'y"'})]
    path.write_text('id\ttext\tn\na\tx\na\t"x\ny"\t3\n')
    assert error_of(path) == f"{path}:2: expected 3 cells as in the header, got 2; missing: n"


def test_a_tsv_row_may_begin_or_end_with_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("note\tid\ttext\turl\n\t1\tone\t\n")
    assert list(read_documents([path])) == [Document("1", "one", fields={"note": ""})]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")).map(str.strip)


@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=5), tab=st.booleans())
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], tab: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / ("a.tsv" if tab else "a.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if tab else ",", quoting=csv.QUOTE_ALL)
        writer.writerow(["id", "text", "note", "more"])
        writer.writerows([n, "x" + text, note, "z"] for n, (text, note) in enumerate(rows))
    read = [(d.text, d.fields["note"]) for d in read_documents([path])]
    assert read == [("x" + text, note) for text, note in rows]


def test_a_parquet_file_gives_its_rows_with_json_values(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {
        "id": [1, 2],
        "text": ["one", "two"],
        "date": [datetime.date(2020, 1, 2), None],
        "at": [datetime.datetime(2020, 1, 2, 3, 4), None],
        "price": [decimal.Decimal("1.50"), None],
        "share": [0.5, float("nan")],
        "tags": [["a"], []],
        "inner": [{"x": 1}, {"x": None}],
    }
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    first = {"at": "2020-01-02T03:04:00", "price": "1.50", "share": 0.5, "tags": ["a"], "inner": {"x": 1}}
    second = {"tags": [], "inner": {"x": None}}
    assert list(read_documents([path])) == [
        Document("1", "one", date="2020-01-02", fields=first),
        Document("2", "two", fields=second),
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"hello"])
def test_a_damaged_parquet_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert error_of(path).startswith(f"{path}: damaged or not a Parquet file: ")


def test_a_parquet_file_without_rows_is_an_error(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": pyarrow.array([], pyarrow.string())}), path)
    assert error_of(path) == f"{path}: contains no records"


def test_standard_input_has_one_text_per_line_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"one\n\ntwo\n"), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert list(read_documents(["-"])) == [Document("stdin:1", "one"), Document("stdin:3", "two")]
    assert not stdin.buffer.closed
    assert error_of("-") == "-: contains no records"
