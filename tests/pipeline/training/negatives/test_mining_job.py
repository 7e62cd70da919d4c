"""Mining to a file: an interrupted job leaves the old file, and a bad path is refused before the search."""

from __future__ import annotations

import pytest

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.mined_claims import MinedPassage, read_mined_claims
from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.training.negatives.job import mine_to_file


def test_an_interrupted_job_leaves_the_existing_file(tmp_path):
    documents = [Document("d1", "The ice melts."), Document("d2", "The ice grows.")]
    pipeline = EvidencePipeline(MemoryIndex(documents, None), None, None)
    path = tmp_path / "mined.jsonl"
    path.write_text("as it was")

    def interrupt(*_):
        raise KeyboardInterrupt

    arguments = (pipeline, [Query("c1", "ice")], {"c1": {"d1": 1}}, path)
    with pytest.raises(KeyboardInterrupt):
        mine_to_file(*arguments, on_progress=interrupt)
    assert [found.name for found in tmp_path.iterdir()] == ["mined.jsonl"]
    assert path.read_text() == "as it was"
    mine_to_file(*arguments)
    assert read_mined_claims(path)[0].negatives == (MinedPassage("d2", "The ice grows.", 2),)


def test_a_file_that_cannot_be_written_is_refused_before_the_search(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        mine_to_file(None, [], {}, tmp_path / "missing" / "mined.jsonl")
