"""Titles are searched with their own weight, and conditions select documents by date and fields."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimhound.data.records import Document
from claimhound.indexes.conditions import Conditions, last_day
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.text_index import TextIndex
from claimhound.indexes.text_writer import TextWriter

DOCUMENTS = [
    Document("a", "He died in 2024.", title="Phil Lesh", date="2024"),
    Document("b", "The dam was finished by the Lesh company.", title="Dams", date="2020-06"),
    Document("c", "Bread needs yeast.", date="1990-01-01"),
    Document("d", "Phil was dead.", title="Bread and Phil"),
]


def text_index(folder: Path, documents: list[Document]) -> TextIndex:
    folder.mkdir()
    writer = TextWriter(folder)
    for position, document in enumerate(documents):
        writer.add(position, document)
    writer.commit()
    return TextIndex(folder)


@pytest.fixture
def index(tmp_path: Path) -> TextIndex:
    return text_index(tmp_path / "text", DOCUMENTS)


@pytest.mark.parametrize("title_weight", [0.25, 1.0, 3.0])
def test_a_score_is_the_sum_of_the_text_s_and_the_weighted_title_s(
    tmp_path: Path, index: TextIndex, title_weight: float
) -> None:
    # Oracle: an index of the texts alone, and one of the titles as texts, empty for a document without a title.
    texts = text_index(tmp_path / "texts", [Document(d.doc_id, d.text) for d in DOCUMENTS])
    titles = text_index(tmp_path / "titles", [Document(d.doc_id, d.title or "") for d in DOCUMENTS])
    for claim in ("Phil Lesh is dead", "bread", "the dam of Phil"):
        in_texts, in_titles = (dict(found.search(claim, 10, title_weight=0)) for found in (texts, titles))
        expected = {
            position: in_texts.get(position, 0.0) + title_weight * in_titles.get(position, 0.0) for position in range(4)
        }
        found = dict(index.search(claim, 10, title_weight=title_weight))
        assert found == {at: pytest.approx(score, abs=2e-4) for at, score in expected.items() if score > 0}


def test_a_name_that_is_only_in_the_title_is_found(index: TextIndex) -> None:
    assert {position for position, _ in index.search("Phil Lesh", 10)} == {0, 1, 3}
    assert {position for position, _ in index.search("Phil Lesh", 10, title_weight=0)} == {1, 3}
    memory = MemoryIndex(DOCUMENTS)
    assert {hit.doc_id for hit in memory.search_text("Phil Lesh", 10)} == {"a", "b", "d"}
    assert {hit.doc_id for hit in memory.search_text("Phil Lesh", 10, title_weight=0)} == {"b", "d"}


def test_an_index_knows_whether_it_has_titles_dates_and_fields(tmp_path: Path, index: TextIndex) -> None:
    assert (index.has_titles(), index.n_dated()) == (True, 3)
    fields = {"a b": "x", "p(u)b": {"name": "y"}, "long": "v" * 5_000}
    other = text_index(tmp_path / "other", [Document("e", "x", fields=fields)])
    assert (other.has_titles(), other.n_dated()) == (False, 0)
    asked = ["a b", "p(u)b", "p(u)b.name", "long", "a", "p", "title"]
    assert [name for name in asked if other.has_field(name)] == ["a b", "p(u)b", "p(u)b.name", "long"]
    assert index.has_field("title")


@pytest.mark.parametrize(
    ("asked", "is_met"),
    [
        (("year", "1998"), True),
        (("year", "1998.0"), True),
        (("year", "1998.00"), True),
        (("year", "01998"), False),
        (("half", ".5"), False),
        (("half", "0.50"), True),
        (("checked", "True"), True),
        (("checked", "1"), False),
        (("publisher.name", "Daily"), True),
        (("publisher.name", "daily"), False),
        (("publisher", "Daily"), False),
        (("authors.name", "B"), True),
        (("tags", "water"), True),
        (("text_year", "1998"), True),
        (("text_year", "1998.0"), True),
    ],
)
def test_conditions_compare_numbers_by_value_and_objects_by_field(
    tmp_path: Path, asked: tuple[str, str], is_met: bool
) -> None:
    fields = {
        "year": 1998.0,
        "half": 0.5,
        "checked": True,
        "publisher": {"name": "Daily"},
        "authors": [{"name": "A"}, {"name": "B"}],
        "tags": ["energy", "water"],
        "text_year": "1998",
    }
    index = text_index(tmp_path / "text", [Document("d", "x", fields=fields)])
    assert index.matching_positions(Conditions(where=(asked,))) == [0] * is_met


def test_a_document_is_before_a_day_only_if_every_meaning_of_its_date_is(index: TextIndex) -> None:
    def before(day: str) -> list[int]:
        return index.matching_positions(Conditions(day))

    assert before("1990") == []
    assert before("1990-01-02") == [2]
    assert before("2020-06-30") == [2]
    assert before("2020-07") == [1, 2]
    assert before("2024-12-31") == [1, 2]
    assert before("2025") == [0, 1, 2]


@given(st.dates(), st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d"]))
@settings(deadline=None)
def test_no_day_that_a_date_can_mean_is_after_its_last_day(day, form) -> None:
    written = f"{day.year:04}" + day.strftime(form)[len(day.strftime("%Y")) :]
    assert last_day(written) >= day.year * 10_000 + day.month * 100 + day.day
