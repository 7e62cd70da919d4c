import logging
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document, Query

URL = "http://127.0.0.1:9/not-there"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The real library, which creates its folder on import, with two sets of ours in its registry."""
    folder = tmp_path_factory.mktemp("catalogue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IR_DATASETS_HOME", str(folder / "home"))
        import ir_datasets

        logging.getLogger("ir_datasets").setLevel(logging.ERROR)
        (folder / "docs.tsv").write_text("d1\tIce melts.\nd2\tSeas rise.\n")
        (folder / "queries.tsv").write_text("q1\tDoes ice melt?\n")
        (folder / "topics.txt").write_text(
            "<top>\n<num> Number: 7\n<title> Melting ice\n"
            "<desc> Description:\nDoes it?\n<narr> Narrative:\nOf ice.\n</top>\n"
        )
        (folder / "qrels.txt").write_text("q1 0 d1 2\nq1 0 d2 -1\n")
        local, formats, registry = ir_datasets.util.LocalDownload, ir_datasets.formats, ir_datasets.registry
        registry.register(
            "claimhound-tests/whole",
            ir_datasets.Dataset(
                formats.TsvDocs(local(folder / "docs.tsv")),
                formats.TsvQueries(local(folder / "queries.tsv")),
                formats.TrecQrels(local(folder / "qrels.txt"), {}),
            ),
        )
        registry.register(
            "claimhound-tests/topics", ir_datasets.Dataset(formats.TrecQueries(local(folder / "topics.txt")))
        )
        far = ir_datasets.util.RequestsDownload(URL, tries=1)
        registry.register("claimhound-tests/far", ir_datasets.Dataset(formats.TrecQrels(far, {})))
        yield ir_datasets


def test_a_set_of_the_catalogue_gives_documents_claims_and_judgments(library: ModuleType) -> None:
    source = "ir_datasets:claimhound-tests/whole"
    assert list(read_documents([source])) == [Document("d1", "Ice melts."), Document("d2", "Seas rise.")]
    assert list(read_claims(source)) == [Query("q1", "Does ice melt?")]
    assert read_qrels(source) == {"q1": {"d1": 2, "d2": -1}}


def test_a_topic_without_a_text_gets_the_library_s_default_text(library: ModuleType) -> None:
    (topic,) = read_claims("ir_datasets:claimhound-tests/topics")
    assert (topic.query_id, topic.text) == ("7", "Melting ice")
    assert topic.fields == {"title": "Melting ice", "description": "Does it?", "narrative": "Of ice."}
    (topic,) = read_claims("ir_datasets:claimhound-tests/topics", ReadOptions(text_field="description"))
    assert topic.text == "Does it?"


def test_a_missing_part_is_an_error_that_lists_the_existing_parts(library: ModuleType) -> None:
    source = "ir_datasets:claimhound-tests/topics"
    for read, part in ((read_qrels, "judgments"), (lambda word: list(read_documents([word])), "documents")):
        with pytest.raises(InputError) as caught:
            read(source)
        assert str(caught.value) == f"{source}: has no {part}; it has queries"


def test_an_unknown_id_is_an_error(library: ModuleType) -> None:
    with pytest.raises(InputError) as caught:
        read_qrels("ir_datasets:claimhound-tests/none")
    version = library.__version__
    assert str(caught.value) == f"ir_datasets:claimhound-tests/none: not a data set of ir_datasets {version}"
    with pytest.raises(InputError) as caught:
        read_claims("ir_datasets:")
    assert str(caught.value) == "ir_datasets:: must have the form ir_datasets:ID, as in ir_datasets:beir/climate-fever"


def test_a_set_that_cannot_be_downloaded_is_a_one_line_error(library: ModuleType) -> None:
    with pytest.raises(InputError) as caught:
        read_qrels("ir_datasets:claimhound-tests/far")
    assert str(caught.value).startswith("ir_datasets:claimhound-tests/far: cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_judgments_of_sentences_are_refused(library: ModuleType) -> None:
    with pytest.raises(InputError, match=r"judgments of sentences can be read only from claims in the shape of"):
        read_qrels("ir_datasets:claimhound-tests/whole", level="sentence")


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(InputError) as caught:
        read_qrels("ir_datasets:beir/climate-fever")
    needs = 'needs ir_datasets; pip install "claimhound[ir-datasets]"'
    assert str(caught.value) == f"ir_datasets:beir/climate-fever: {needs}"


def test_values_that_json_does_not_have_are_converted_or_left_out(library: ModuleType) -> None:
    from typing import NamedTuple

    class Span(NamedTuple):
        start: int

    class Page(NamedTuple):
        doc_id: str
        text: str
        spans: tuple[Span, ...]
        page: bytes
        size: object

    pages = [Page("d1", "Ice melts.", (Span(0),), b"<p>", 1), Page("d2", "Seas rise.", (), b"", {1})]

    class Pages(library.formats.BaseDocs):  # type: ignore[misc,name-defined]
        def docs_iter(self) -> Iterator[Page]:
            return iter(pages)

    library.registry.register("claimhound-tests/pages", library.Dataset(Pages()))
    source = "ir_datasets:claimhound-tests/pages"
    notices = Notices()
    assert list(read_documents([source], notices=notices)) == [
        Document("d1", "Ice melts.", fields={"spans": [{"start": 0}], "size": 1}),
        Document("d2", "Seas rise.", fields={"spans": []}),
    ]
    assert notices.lines() == [
        f"{source}: values of the field 'page' left out, which JSON cannot represent: 2 (the first in line 1, bytes)",
        f"{source}: values of the field 'size' left out, which JSON cannot represent: 1 (the first in line 2, a set)",
    ]
