import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import BlankText, InputError, RecordError
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document
from claimhound.data.rejects import rejecter

TEXT_NAMES = "missing field 'text' (or evidence, sentence, passage, contents, content, body, …)"


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_a_record_is_split_into_known_and_other_fields(tmp_path: Path) -> None:
    record = {
        "doc_id": 7,
        "title": " Ice ",
        "abstract": ["Ice melts.", "Seas rise. "],
        "structured": False,
        "source": "scifact",
        "link": "https://example.org/7",
        "published": "2019-06-30T12:00:00Z",
        "votes": [1, {"by": None}],
    }
    path = write(tmp_path / "corpus.jsonl", json.dumps(record))
    assert list(read_documents([path])) == [
        Document(
            doc_id="7",
            text="Ice melts. Seas rise.",
            title="Ice",
            source="scifact",
            url="https://example.org/7",
            date="2019-06-30",
            fields={"structured": False, "votes": [1, {"by": None}]},
        )
    ]


def test_the_first_known_name_is_used_and_the_others_stay_in_fields(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"id": "b", "evidence": "two", "_id": "a", "text": "one", "url": "u", "link": "l"}'
    )
    [document] = read_documents([path])
    assert (document.doc_id, document.text, document.url) == ("a", "one", "u")
    assert document.fields == {"id": "b", "evidence": "two", "link": "l"}


def test_given_field_names_come_before_the_known_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": "b", "text": "two", "key": 4, "body": "one"}')
    [document] = read_documents([path], ReadOptions(id_field="key", text_field="body"))
    assert document == Document("4", "one", fields={"id": "b", "text": "two"})


def test_one_field_can_be_id_and_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"body": "one"}')
    assert list(read_documents([path], ReadOptions(id_field="body", text_field="body"))) == [Document("one", "one")]


def test_records_without_an_id_get_one_from_file_and_line(tmp_path: Path) -> None:
    jsonl = write(tmp_path / "my notes.jsonl", '{"text": "one"}', "", '{"text": "two"}')
    text = write(tmp_path / "facts.v2.txt", "three", "  ", " four\t")
    csv = write(tmp_path / "table.csv", "text,n", "five,1")
    assert [(d.doc_id, d.text) for d in read_documents([jsonl, text, csv])] == [
        ("my_notes:1", "one"),
        ("my_notes:3", "two"),
        ("facts.v2:1", "three"),
        ("facts.v2:3", "four"),
        ("table:2", "five"),
    ]


def test_a_text_is_stripped_and_otherwise_unchanged(tmp_path: Path) -> None:
    text = "so\u00adft  hy\x00phen\u2028 “q”\n\nCO\u2082"
    path = write(tmp_path / "a.jsonl", json.dumps({"id": " a ", "text": f" \n{text}\t"}))
    assert list(read_documents([path])) == [Document("a", text)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2019", "2019"),
        (2019, "2019"),
        ("2019-02", "2019-02"),
        ("2020-02-29", "2020-02-29"),
        (" 2020-02-29 10:11 ", "2020-02-29"),
        ("2020-02-29T10:11:12+02:00", "2020-02-29"),
        ("  ", None),
        (None, None),
    ],
)
def test_a_date_is_cut_to_the_day(tmp_path: Path, value: object, expected: str | None) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"id": "a", "text": "t", "date": value}))
    [document] = read_documents([path])
    assert (document.date, document.fields) == (expected, {})


def test_an_unreadable_date_leaves_its_record_undated_and_is_counted(tmp_path: Path) -> None:
    values = ["1 May 2019", "n.d.", "c. 1850", True, "2019-02-29", "03/04/2019", None]
    path = write(tmp_path / "a.jsonl", *(json.dumps({"id": n, "text": "t", "date": v}) for n, v in enumerate(values)))
    notices = Notices()
    documents = list(read_documents([path], notices=notices))
    assert [document.date for document in documents] == ["2019-05-01", None, None, None, None, None, None]
    assert [document.fields for document in documents] == [
        {}, {"date": "n.d."}, {"date": "c. 1850"}, {"date": True}, {"date": "2019-02-29"}, {"date": "03/04/2019"}, {},
    ]  # fmt: skip
    in_doubt = "ambiguous dates, records left undated (give --date-order dmy or mdy)"
    assert notices.lines() == [
        f"{path}: unreadable dates, records left undated: 2 (the first in line 3, 'c. 1850')",
        f"{path}: {in_doubt}: 1 (the first in line 6, '03/04/2019')",
    ]
    by_day = list(read_documents([path], ReadOptions(date_order="dmy")))
    assert (by_day[5].date, by_day[5].fields) == ("2019-04-03", {})


@pytest.mark.parametrize(
    "name",
    ["datePublished", "publishedAt", "published_at", "pubDate", "Publication Date", "created_at", "Date", "DATE"],
)
def test_the_date_is_found_under_its_names_in_any_case(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"id": "a", "text": "t", name: "Tue, 30 Apr 2019 09:00:00 GMT"}))
    [document] = read_documents([path])
    assert document.date == "2019-04-30"


def test_a_date_with_a_time_stays_in_fields_unless_the_field_is_named_date(tmp_path: Path) -> None:
    record = {"id": "a", "text": "t", "created_at": "2019-05-02T10:00:00Z", "published": "2019-05-01T10:00:00Z"}
    path = write(tmp_path / "a.jsonl", json.dumps(record))
    [document] = read_documents([path])
    assert (document.date, document.fields) == ("2019-05-01", {"created_at": "2019-05-02T10:00:00Z"})
    [document] = read_documents([path], ReadOptions(date_field="created_at"))
    assert (document.date, document.fields) == (
        "2019-05-02", {"created_at": "2019-05-02T10:00:00Z", "published": "2019-05-01T10:00:00Z"},
    )  # fmt: skip


def test_a_date_field_that_no_record_has_gives_a_notice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": "a", "text": "t", "date": "2019"}')
    notices = Notices()
    [document] = read_documents([path], ReadOptions(date_field="day"), notices=notices)
    assert (document.date, document.fields) == (None, {"date": "2019"})
    assert notices.lines() == [f"{path}: no record has the date field 'day'"]


def test_title_source_and_link_are_found_in_any_case(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": "a", "text": "t", "Title": "T", "SOURCE": "S", "Url": " ", "Link": "l"}')
    assert list(read_documents([path])) == [Document("a", "t", title="T", source="S", url="l")]


def test_known_fields_of_another_type_stay_in_fields_and_blank_ones_become_none(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"id": "a", "text": "t", "title": "", "source": {"n": 1}, "url": null, "link": "l"}'
    )
    assert list(read_documents([path])) == [Document("a", "t", url="l", fields={"source": {"n": 1}})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": 1, "text": "t"', "not valid JSON, column 22: Expecting ',' delimiter"),
        ("text", "not valid JSON, column 1: Expecting value"),
        ('{"id": 1, "text": "t"} {}', "not valid JSON, column 24: Extra data"),
        ('{"id": 1, "text": NaN}', "the field 'text' contains NaN"),
        ("[" * 100_000, "not usable JSON: nested too deeply"),
        ('["t"]', "not a JSON object but a list"),
        ('"t"', "not a JSON object but a text"),
        ("null", "not a JSON object but null"),
        ("3", "not a JSON object but a number"),
        ("true", "not a JSON object but true or false"),
        ('{"id": 1, "claim": "t"}', f"{TEXT_NAMES}; the record has only id, claim"),
        ("{}", f"{TEXT_NAMES}; the record is empty"),
        ('{"id": 1, "text": ""}', "the text in field 'text' is blank"),
        ('{"id": 1, "text": " \\n\\u00a0"}', "the text in field 'text' is blank"),
        ('{"id": 1, "abstract": []}', "the text in field 'abstract' is blank"),
        ('{"id": 1, "text": null}', "the text in field 'text' is null, not a text or a list of texts"),
        ('{"id": 1, "text": {"a": 1}}', "the text in field 'text' is an object, not a text or a list of texts"),
        ('{"id": 1, "text": ["t", 2]}', "the text in field 'text' is a list with items that are not texts"),
        ('{"id": " ", "text": "t"}', "the id in field 'id' is blank"),
        ('{"id": 1.5, "text": "t"}', "the id in field 'id' is a number, not a text or a whole number"),
        ('{"_id": true, "text": "t"}', "the id in field '_id' is true or false, not a text or a whole number"),
        ('{"id": null, "text": "t"}', "the id in field 'id' is null, not a text or a whole number"),
        (
            '{"id": 1, "text": "\\ud83d"}',
            "the field 'text' contains half of a surrogate pair: "
            "an escape such as \\ud83d without its other half is not a character",
        ),
    ],
)
def test_a_bad_record_is_an_error_that_names_file_and_line(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": "ok", "text": "t"}', line, '{"id": "ok2", "text": "\\ud83d\\ude00"}')
    with pytest.raises(RecordError) as caught:
        list(read_documents([path]))
    assert str(caught.value) == f"{path}:2: {reason}"

    skipped: list[RecordError] = []
    documents = list(read_documents([path], on_error="skip", skipped=skipped))
    assert [document.doc_id for document in documents] == ["ok", "ok2"]
    assert [str(error) for error in skipped] == [f"{path}:2: {reason}"]


def test_a_missing_given_field_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": "a", "text": "t"}')
    with pytest.raises(RecordError) as no_id:
        list(read_documents([path], ReadOptions(id_field="key")))
    with pytest.raises(RecordError) as no_text:
        list(read_documents([path], ReadOptions(text_field="body")))
    assert str(no_id.value) == f"{path}:1: missing field 'key'; the record has only id, text"
    assert str(no_text.value) == f"{path}:1: missing field 'body'; the record has only id, text"


def test_a_duplicate_id_names_its_first_place_in_any_source(tmp_path: Path) -> None:
    first = write(tmp_path / "first.jsonl", '{"id": "a", "text": "t"}', '{"id": "7", "text": "t"}')
    second = write(
        tmp_path / "second.jsonl", '{"id": "b", "text": "t"}', '{"id": 7, "text": "u"}', '{"id": "b", "text": "v"}'
    )
    with pytest.raises(RecordError) as caught:
        list(read_documents([first, second]))
    assert str(caught.value) == f"{second}:2: duplicate id '7', first seen at {first}:2"

    skipped: list[RecordError] = []
    assert [d.text for d in read_documents([first, second], on_error="skip", skipped=skipped)] == ["t", "t", "t"]
    assert [str(error) for error in skipped] == [
        f"{second}:2: duplicate id '7', first seen at {first}:2",
        f"{second}:3: duplicate id 'b', first seen at {second}:1",
    ]


def test_skipping_needs_no_list(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "{", '{"id": "a", "text": "t"}')
    assert [document.doc_id for document in read_documents([path], on_error="skip")] == ["a"]


def test_on_error_is_stop_or_skip() -> None:
    with pytest.raises(ValueError, match=r"^on_error must be 'stop' or 'skip', not 'ignore'$"):
        rejecter("ignore")  # type: ignore[arg-type]


def test_one_string_for_sources_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^sources must be a sequence of sources, not a string: \['corpus.jsonl'\]$"):
        read_documents("corpus.jsonl")


def test_all_sources_are_looked_up_before_the_first_is_read(tmp_path: Path) -> None:
    good = write(tmp_path / "good.jsonl", '{"id": "a", "text": "t"}')
    with pytest.raises(InputError, match="no such file or folder"):
        read_documents([good, str(tmp_path / "missing.jsonl")])


def test_a_source_is_read_lazily(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *(f'{{"id": {n}, "text": "t"}}' for n in range(5)), "broken")
    assert [document.doc_id for document in itertools.islice(read_documents([path]), 5)] == ["0", "1", "2", "3", "4"]


def test_a_json_file_is_a_mapping_a_list_or_one_record(tmp_path: Path) -> None:
    mapping = write(tmp_path / "map.json", '{"e1": "one", "e2": {"text": "two", "id": "x", "n": 2}}')
    listing = write(tmp_path / "list.json", '[{"id": "l1", "text": "three"}, {"text": "four"}]')
    single = write(tmp_path / "one.json", '{"id": "s1", "text": "five"}')
    lines = write(tmp_path / "lines.json", '{"id": "j1", "text": "six"}', "", '{"text": "seven"}')
    assert list(read_documents([mapping, listing, single, lines])) == [
        Document("e1", "one"),
        Document("e2", "two", fields={"id": "x", "n": 2}),
        Document("l1", "three"),
        Document("list:2", "four"),
        Document("s1", "five"),
        Document("j1", "six"),
        Document("lines:3", "seven"),
    ]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ('{"a": "x",\n"b"}', 2, "not valid JSON, column 4: Expecting ':' delimiter"),
        ("3", 1, "neither a list nor an object but a number"),
        ("[" * 100_000, 1, "not usable JSON: nested too deeply"),
        ("[NaN]", 1, "not a JSON object but a number"),
        ('[{"id": 1, "text": "x"}, [1]]', 2, "not a JSON object but a list"),
        ('{"a": "x", "b": "y", "a": "z"}', 3, "duplicate id 'a', first seen at {path}:1"),
        ('[{"id": 1, "text": "x", "text": "y"}]', 1, "the field 'text' occurs twice"),
        ('[{"id": 1, "text": "x", "f": [{"a": 1, "a": 2}]}]', 1, "the field 'a' occurs twice"),
        ('{"a": "x", " ": "y"}', 2, "the id is blank"),
        ('{"a": "x", "b": ""}', 2, "the text is blank"),
        (
            '{"a": "\\ud83d"}',
            1,
            "half of a surrogate pair: an escape such as \\ud83d without its other half is not a character",
        ),
    ],
)
def test_a_bad_json_file_is_an_error_that_names_the_line(tmp_path: Path, content: str, line: int, reason: str) -> None:
    path = write(tmp_path / "a.json", content)
    with pytest.raises(RecordError) as caught:
        list(read_documents([path]))
    assert str(caught.value) == f"{path}:{line}: {reason.format(path=path)}"


def test_a_beir_folder_is_read_by_its_corpus(tmp_path: Path) -> None:
    write(tmp_path / "corpus.jsonl", '{"_id": "d1", "title": "T", "text": "one", "metadata": {}}')
    assert list(read_documents([tmp_path])) == [Document("d1", "one", title="T", fields={"metadata": {}})]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
written_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)


@given(
    records=st.dictionaries(
        written_text,
        st.tuples(written_text, st.dictionaries(st.text().map(lambda name: f"x-{name}"), json_values, max_size=3)),
        min_size=1,
        max_size=5,
    ),
    ascii_only=st.booleans(),
)
def test_what_is_written_as_json_lines_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, tuple[str, dict[str, object]]], ascii_only: bool
) -> None:
    path = tmp_path_factory.mktemp("round") / "a.jsonl"
    lines = [json.dumps({"id": i, "text": t, **f}, ensure_ascii=ascii_only) for i, (t, f) in records.items()]
    path.write_bytes("\n".join(lines).encode())
    read = [(d.doc_id, d.text, d.fields) for d in read_documents([path])]
    assert read == [(doc_id, text, fields) for doc_id, (text, fields) in records.items()]


@pytest.mark.parametrize("text", ["", " \u00a0", None, ["", " "]])
def test_a_blank_text_is_an_error_that_keeps_the_id_and_the_other_fields(tmp_path: Path, text: object) -> None:
    record = {"id": 7, "text": text, "title": " Ice ", "lang": "en"}
    path = write(tmp_path / "a.jsonl", json.dumps(record))
    blank: list[BlankText] = []
    assert list(read_documents([path], blank=blank)) == []
    (error,) = blank
    assert (error.record_id, error.title, error.fields) == ("7", "Ice", {"title": " Ice ", "lang": "en"})
    assert error.line == 1
