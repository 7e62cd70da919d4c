"""Text in encodings other than UTF-8, and with other line ends."""

import gzip
from pathlib import Path

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.encodings import require_encoding
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents

TEXTS = ["Das Eis schmilzt, sagte er: „ja“.", "Łódź – and so on", "Вода поднимается", "海面上升。 1998"]
FILES = {
    "a.txt": "{}\r\n{}\r\n{}\r\n{}\r\n",
    "a.jsonl": "".join(f'{{{{"id": {n}, "text": "{{}}"}}}}\n' for n in range(4)),
    "a.json": '["{}",\n "{}", "{}", "{}"]',
    "a.csv": 'id,text\n1,"{}"\n2,"{}"\n3,"{}"\n4,"{}"\n',
    "a.tsv": "id\ttext\n1\t{}\n2\t{}\n3\t{}\n4\t{}\n",
}


def read(path: Path, raw: bytes, **options: object) -> tuple[list[str], list[str]]:
    path.write_bytes(gzip.compress(raw) if path.name.endswith("gz") else raw)
    notices = Notices()
    texts = [d.text for d in read_documents([path], ReadOptions(**options), notices=notices)]  # type: ignore[arg-type]
    return texts, [line.removeprefix(f"{path}: ") for line in notices.lines() if "no id" not in line]


def error_of(path: Path, raw: bytes, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read(path, raw, **options)
    return str(caught.value).removeprefix(f"{path}")


@pytest.mark.parametrize("name", [*FILES, "a.csv.gz"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_decides_the_encoding_with_a_notice(tmp_path: Path, name: str, encoding: str) -> None:
    content = FILES[name.removesuffix(".gz")].format(*TEXTS)
    said = [f"read as {encoding.upper()}, as its byte order mark says"]
    assert read(tmp_path / name, content.encode(encoding)) == (TEXTS, said)
    big = ("\ufeff" + content).encode(f"{encoding}-be")
    assert read(tmp_path / name, big) == (TEXTS, said)


@pytest.mark.parametrize("name", list(FILES))
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf_16_and_utf_32_without_a_mark_are_refused_unless_named(tmp_path: Path, name: str, encoding: str) -> None:
    raw = FILES[name].format(*TEXTS).encode(encoding)
    (tmp_path / name).write_bytes(raw)
    for on_error in ("stop", "skip"):
        with pytest.raises(InputError) as caught:
            list(read_documents([tmp_path / name], on_error=on_error))  # type: ignore[arg-type]
        wanted = f"is {encoding[:6].upper()} without a byte order mark; give --encoding {encoding}"
        assert str(caught.value) == f"{tmp_path / name}: {wanted}"
        assert not isinstance(caught.value, RecordError)
    assert read(tmp_path / name, raw, encoding=encoding) == (TEXTS, [])
    assert read(tmp_path / name, raw, encoding=encoding[:6]) == (TEXTS, [])


@pytest.mark.parametrize("text", ["Вода поднимается. Лёд тает.", "海面上升。\n冰融化。\n", "ab"])
def test_utf_16_is_detected_in_any_script(tmp_path: Path, text: str) -> None:
    assert "without a byte order mark" in error_of(tmp_path / "a.txt", (text * 5).encode("utf-16-le"))
    assert read(tmp_path / "a.txt", text.encode())[0] == [line for line in text.split("\n") if line]


@pytest.mark.parametrize("name", [*FILES, "a.csv.gz"])
def test_windows_1252_is_an_error_with_a_fix_unless_named(tmp_path: Path, name: str) -> None:
    texts = ["He said “no” to the café", "a", "b – c", "€5"]
    raw = FILES[name.removesuffix(".gz")].format(*texts).encode("cp1252")
    assert "not UTF-8: byte 0x93; if the file is Windows-1252, give --encoding cp1252" in error_of(tmp_path / name, raw)
    assert read(tmp_path / name, raw, encoding="cp1252") == (texts, [])


def test_an_invalid_byte_is_an_error_of_its_line(tmp_path: Path) -> None:
    message = ":2: not cp1252: byte 0x81; give the encoding of the file with --encoding, or save it as UTF-8"
    assert error_of(tmp_path / "a.txt", b"caf\xe9\na\x81b\n", encoding="cp1252") == message
    odd = "Ice\nmelts".encode("utf-16") + b"x"
    assert error_of(tmp_path / "a.txt", odd).startswith(":2: not UTF-16: byte ")


def test_an_encoding_that_contradicts_the_text_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert error_of(path, b"Ice melts.\n", encoding="utf-16") == ": is UTF-8, not utf-16; leave --encoding out"
    marked = "Eis: „ja“".encode("utf-8-sig")
    assert read(path, marked, encoding="cp1252") == (
        ["Eis: „ja“"],
        ["read as UTF-8, as its byte order mark says, not as cp1252"],
    )
    assert read(path, "café".encode(), encoding="cp1252")[1] == ["read as cp1252, as requested, but it is valid UTF-8"]


@pytest.mark.parametrize("name", ["", "latin-0", "base64", "utf 8\0"])
def test_an_unknown_encoding_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"is not an? (text )?encoding; examples are"):
        require_encoding(name)
    assert "encoding; examples are" in error_of(tmp_path / "a.txt", b"x", encoding=name)


@pytest.mark.parametrize("size", [10, 262_143, 262_144, 1_310_720])
def test_byte_order_marks_inside_joined_files_are_dropped(tmp_path: Path, size: int) -> None:
    first = b"\xef\xbb\xbf" + b"a" * (size - 3) + b"\n"
    for cut in range(4):
        texts, _ = read(tmp_path / "a.txt", first[: len(first) - 1 - cut] + b"\n" + b"\xef\xbb\xbfb\n")
        assert [len(text) for text in texts] == [size - 3 - cut, 1]
    content = b"\xef\xbb\xbfid,text\r\n1,a\r\n" * 2
    assert read(tmp_path / "a.csv", content.replace(b"1,a", b"2,b", 1))[0] == ["b", "a"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.tsv"])
def test_carriage_returns_alone_end_lines(tmp_path: Path, name: str) -> None:
    content = FILES[name].replace("\r\n", "\n").replace("\n", "\r").format(*TEXTS)
    assert read(tmp_path / name, content.encode()) == (TEXTS, [])
    assert [c.text for c in read_claims(tmp_path / name)] == TEXTS


def test_carriage_returns_alone_are_found_across_buffers(tmp_path: Path) -> None:
    for length in (262_142, 262_143, 262_144):
        texts, _ = read(tmp_path / "a.txt", b"a\r" + b"x" * (length - 2) + b"\ry\r\n\rz")
        assert [len(text) for text in texts] == [1, length - 2, 1, 1]


def test_a_block_of_nul_bytes_is_left_out_with_a_notice(tmp_path: Path) -> None:
    said = "contains blocks of NUL bytes, as left by a damaged disk; they are left out"
    assert read(tmp_path / "a.txt", b"Ice melts\n" + bytes(4096)) == (["Ice melts"], [said])
    assert read(tmp_path / "a.txt", b"Ice\0melts and the seas rise\n") == (["Ice\0melts and the seas rise"], [])


@pytest.mark.parametrize(
    ("head", "cure"),
    [
        (b"\x1f\x8b\x08\0", "rename it to end in .gz"),
        (b"PK\x03\x04\x14\0", "save it as CSV"),
        (b"%PDF-1.7\n", "for example with pdftotext"),
        (b"PAR1\x15\x04", "--input-format parquet"),
        (b"\x01\x02\x03\x04\x05\x06\x07abc", "give its encoding with --encoding"),
    ],
)
def test_a_file_that_is_not_text_is_refused_with_a_fix(tmp_path: Path, head: bytes, cure: str) -> None:
    assert error_of(tmp_path / "a.csv", head + b"id,text\n").endswith(cure)
