"""Plain text: other formats that look like it, and wrapped lines."""

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from claimhound.data.errors import InputError
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents

OBJECTS = '{"id": "a", "text": "Ice"}\n\n{"id": "b", "text": "Sea"}\n'


def read(path: Path, content: str, **options: object) -> tuple[list[tuple[str, str]], list[str]]:
    path.write_text(content, encoding="utf-8")
    notices = Notices()
    documents = read_documents([path], ReadOptions(**options), notices=notices)  # type: ignore[arg-type]
    return [(d.doc_id, d.text) for d in documents], [line.removeprefix(f"{path}: ") for line in notices.lines()]


@pytest.mark.parametrize(
    ("content", "what", "file_format"),
    [
        (OBJECTS, "its lines are JSON objects", "jsonl"),
        ('{"claim": "Ice"}', "its lines are JSON objects", "jsonl"),
        ('[\n {"id": 1,\n  "text": "Ice"}\n]', "it begins like JSON", "json"),
        ('{\n "a": "Ice"\n}', "it begins like JSON", "json"),
        ('[{"id": 1, "text": "Ice"}, {"id": 2,\n "text": "Sea"}]', "it begins like JSON", "json"),
        ("id,text\n1,Ice\n", "its first line is the header of a table (id,text)", "csv"),
        ('"Text";"ID"\n"Ice";"1"\n', 'its first line is the header of a table ("Text";"ID")', "csv"),
        ("doc_id\ttext\n1\tIce\n", "its first line is the header of a table (doc_id\ttext)", "tsv"),
    ],
)
def test_other_formats_are_refused_with_the_format_that_they_look_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, what: str, file_format: str
) -> None:
    path = tmp_path / "a.txt"
    cure = f"{what}; give --input-format {file_format}, or --input-format text if each line is a text"
    for on_error in ("stop", "skip"):
        path.write_text(content)
        with pytest.raises(InputError) as caught:
            list(read_documents([path], on_error=on_error))  # type: ignore[arg-type]
        assert str(caught.value) == f"{path}: {cure}"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    with pytest.raises(InputError) as caught:
        list(read_documents(["-"]))
    assert str(caught.value) == f"-: {cure}"
    assert len(read(path, content, input_format="text")[0]) > 0


@pytest.mark.parametrize(
    "content",
    ["[1] Ice melts.\n", "{sic} he said\n", "In the text, see\nbelow, too\n", "text\nIce\n", '"Ice", he said\n'],
)
def test_prose_is_not_mistaken_for_another_format(tmp_path: Path, content: str) -> None:
    assert [text for _, text in read(tmp_path / "a.txt", content)[0]] == content.split("\n")[:-1]


def test_the_format_of_standard_input_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for file_format, content in [
        ("jsonl", OBJECTS),
        ("csv", "id;text\na;Ice\nb;Sea\n"),
        ("json", '{"a":"Ice","b":"Sea"}'),
    ]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        claims = read_claims("-", ReadOptions(input_format=file_format))  # type: ignore[arg-type]
        assert [(claim.query_id, claim.text) for claim in claims] == [("a", "Ice"), ("b", "Sea")]
    with pytest.raises(InputError, match="Parquet cannot be read from standard input"):
        read_claims("-", ReadOptions(input_format="parquet"))


def test_a_pipe_is_read_in_the_named_format(tmp_path: Path) -> None:
    pipe = tmp_path / "63"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"for other names, give --input-format$"):
        read_documents([pipe])
    with pytest.raises(InputError, match="Parquet cannot be read from a pipe"):
        read_documents([pipe], ReadOptions(input_format="parquet"))
    writer = threading.Thread(target=pipe.write_text, args=("id;text\n1;Ice\n",))
    writer.start()
    assert [d.text for d in read_documents([pipe], ReadOptions(input_format="csv"))] == ["Ice"]
    writer.join()


def test_a_link_without_a_suffix_is_read_like_its_target(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,Ice\n")
    link = tmp_path / "corpus"
    link.symlink_to(tmp_path / "a.csv")
    assert [d.text for d in read_documents([link])] == ["Ice"]
    other = tmp_path / "corpus.txt"
    other.symlink_to(tmp_path / "a.csv")
    assert [d.text for d in read_documents([other], ReadOptions(input_format="csv"))] == ["Ice"]


WRAPPED = """The panel found that the infor-
mation on the COVID-
19 ward was wrong, and that the well-
known state-of-the-
art bridge, which Mr.
Smith had
Berlin build, fell in
1998. Nobody was
hurt.

Costs:
• forty
- fifty, as was thought,
and more

It stands again.
"""


def test_wrapped_lines_are_joined_on_request(tmp_path: Path) -> None:
    found, said = read(tmp_path / "report.txt", WRAPPED, joins_lines=True)
    assert found == [
        (
            "report:1",
            "The panel found that the information on the COVID-19 ward was wrong, and that the well-known "
            "state-of-the-art bridge, which Mr. Smith had Berlin build, fell in 1998. Nobody was hurt.",
        ),
        ("report:11", "Costs:"),
        ("report:12", "• forty"),
        ("report:13", "- fifty, as was thought, and more"),
        ("report:16", "It stands again."),
    ]
    assert said == []


def test_wrapped_lines_that_are_not_joined_give_a_notice(tmp_path: Path) -> None:
    found, said = read(tmp_path / "report.txt", WRAPPED)
    assert found[0] == ("report:1", "The panel found that the infor-")
    assert said == ["lines look wrapped, but each is read as a separate text; index build --split-sentences joins them"]


@pytest.mark.parametrize(
    "content",
    [
        "Ice melts.\nSeas rise.\nWind is clean.\n",
        "Ice melts\nSeas rise\nWind is clean\n",
        "ice\nseas\nwind\nsun\n",
        "Ice melts.\niPhones sell.\nWind is clean.\nSun shines.\nRain falls.\nSnow stays.\n",
    ],
)
def test_separate_texts_on_lines_are_not_joined(tmp_path: Path, content: str) -> None:
    for joins in (False, True):
        found, said = read(tmp_path / "a.txt", content, joins_lines=joins)
        assert ([text for _, text in found], said) == (content.split("\n")[:-1], [])


def test_markup_in_texts_gives_one_notice(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "<p>Ice&nbsp;melts</p>"}\n{"id": 2, "text": "<b>x</b>"}\n')
    notices = Notices()
    list(read_documents([path], notices=notices))
    assert notices.lines() == [f"{path}: texts contain HTML; its tags and entities are read as words"]
    path.write_text('{"id": 1, "text": "if a < b & c > d; AT&T"}\n')
    notices = Notices()
    list(read_documents([path], notices=notices))
    assert notices.lines() == []
