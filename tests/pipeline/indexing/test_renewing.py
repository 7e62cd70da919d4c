"""Renewing an index from its own documents: what is kept, what is updated, and interruptions."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import renewal_victim
from interrupted_encoder import InterruptedEncoder
from pipeline_fakes import IDENTITY, FakeEncoder

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.data.errors import (
    EncoderMismatchError,
    IndexDamagedError,
    IndexLockedError,
    IndexMissingError,
    IndexVersionError,
    ModelError,
)
from claimhound.data.records import Document
from claimhound.data.text.text_form import TEXT_FORM_VERSION, read_form
from claimhound.indexes import EncoderIdentity, IndexSnapshot, IndexWriter, verify_index
from claimhound.indexes.analysis.terms import tokenize
from claimhound.indexes.stored_text import StoredText
from claimhound.pipeline.indexing.building import SourceOptions, build_index
from claimhound.pipeline.indexing.renewing import RenewalEncoder, encoder_to_renew_with, renew_index
from claimhound.pipeline.model_folders.finding import BASE_ENCODER_NAME, BUNDLED
from claimhound.pipeline.models.encoders import encoder_identity
from claimhound.pipeline.search.opening import load_index_encoder, open_pipeline
from tests.damage import put_bytes
from tests.index_formats import change_manifest, make_format_1
from tests.victims import run_victim

BUNDLED_ENCODER_NAME = BUNDLED_MODELS["encoder"].name
STORED = Path(__file__).resolve().parents[2] / "fixtures" / "index-v1"
TEXTS = [text for text in renewal_victim.vectors() if not text.startswith("Title: ")]
OLDER = replace(IDENTITY, name="older-encoder", weights_sha256="0" * 64, precision="int8")


def write(path, texts):
    path.write_text("".join(json.dumps({"_id": f"d{n:02}", "text": text, "n": n}) + "\n" for n, text in texts))
    return str(path)


@pytest.fixture
def old(quick_dir):
    """An index of an older encoder with two documents deleted and one replaced."""
    source = write(quick_dir / "corpus.jsonl", enumerate(TEXTS))
    encoder = FakeEncoder(dict.fromkeys(TEXTS, (0.0, 1.0)), identity=OLDER)
    build_index([source], quick_dir / "index", encoder, shard_size=4)
    with IndexWriter.open(quick_dir / "index", small_up_to=0) as writer:
        writer.delete(["d03", "d04"])
        writer.add([Document("d00", TEXTS[0], fields={"n": 0})], np.array([[0.0, 1.0]], dtype=np.float32))
        writer.commit()
    return quick_dir / "index"


@pytest.fixture
def fresh(quick_dir):
    """What the old index should become: a new build of its documents, in its order."""
    order = [n for n in range(20) if n not in (0, 3, 4)] + [0]
    source = write(quick_dir / "held.jsonl", [(n, TEXTS[n]) for n in order])
    build_index([source], quick_dir / "fresh", FakeEncoder(renewal_victim.vectors()), shard_size=4)
    return quick_dir / "fresh"


def answers(index_dir, index=None):
    index = index or IndexSnapshot.open(index_dir)
    queries = np.array([[1.0, slope] for slope in (0.0, 0.7, 3.0)], dtype=np.float32)
    by_words = [index.search_text(text, 30) for text in ("glacier 1", "of 2", "nothing")]
    return by_words, index.search_vectors(queries, 30, probe_share=1.0), index.sample(30, 0), index.neighbours("d05", 2)


def test_a_renewed_index_answers_like_a_fresh_build_of_its_documents(old, fresh):
    before = IndexSnapshot.open(old).manifest
    encoder = FakeEncoder(renewal_victim.vectors(), identity=replace(IDENTITY, precision="bf16"))
    seen = []
    report = renew_index(old, encoder, shard_size=8, on_progress=lambda *progress: seen.append(progress))
    assert answers(old) == answers(fresh)
    assert verify_index(old).damaged == []
    manifest = IndexSnapshot.open(old).manifest
    assert report.manifest == manifest
    assert (manifest.generation, manifest.n_docs, manifest.next_position) == (before.generation + 1, 18, 18)
    assert (manifest.n_dead_text, manifest.n_dead_vectors, len(manifest.vector_files)) == (0, 0, 1)
    assert manifest.encoder == replace(IDENTITY, precision="bf16")
    assert manifest.n_tokens == before.n_tokens == IndexSnapshot.open(fresh).manifest.n_tokens
    assert [progress[:3] for progress in seen] == [
        *(("encode", done, 18) for done in (0, 8, 16, 18)),
        ("commit", 18, 18),
    ]
    assert sorted(path.name for path in old.iterdir()) == ["generation-000003", "write.lock"]


def test_an_index_of_format_1_is_updated_with_all_its_documents_fields(tmp_path):
    index_dir = Path(shutil.copytree(STORED, tmp_path / "index"))
    before = [document for _, document in StoredText.open(index_dir).entries()]
    encoder = FakeEncoder(identity=EncoderIdentity("other", "1" * 64, "mean", 16, 2, precision="int8"))
    renew_index(index_dir, encoder)
    index = IndexSnapshot.open(index_dir)
    assert index.sample(30, 0) == before
    assert {document.parent_id for document in before} == {None, "long"}
    manifest = index.manifest
    assert (manifest.format_version, manifest.is_split, manifest.encoder) == (3, True, encoder.identity)
    assert (manifest.n_dated, manifest.has_titles, manifest.made_ids) == (
        sum(document.date is not None for document in before), True, {},
    )  # fmt: skip
    assert manifest.n_tokens == sum(len(tokenize(document.text)) for document in before)
    with IndexWriter.open(index_dir) as writer:
        writer.delete(["sea-1"])
        assert writer.commit().n_docs == 22


@pytest.mark.parametrize("is_split", [True, False])
@pytest.mark.parametrize("in_format_1", [True, False])
def test_an_index_remembers_whether_texts_were_split(tmp_path, is_split, in_format_1):
    source = write(tmp_path / "corpus.jsonl", [(0, "One. Two."), (1, "Three.")])
    options = SourceOptions(split_sentences=is_split)
    assert build_index([source], tmp_path / "index", FakeEncoder(), options).manifest.is_split is is_split
    if in_format_1:
        assert make_format_1(tmp_path / "index").is_split is None
    assert renew_index(tmp_path / "index", FakeEncoder()).manifest.is_split is is_split
    # Even if no document shows it.
    with IndexWriter.open(tmp_path / "index") as writer:
        writer.delete([document.doc_id for document in IndexSnapshot.open(tmp_path / "index").sample(9, 0)])
        writer.commit()
    assert renew_index(tmp_path / "index", FakeEncoder()).manifest.is_split is is_split


@pytest.mark.parametrize("rules", [{"text_form": 7}, {"analysis": 0}, {"format_version": 2}], ids=str)
def test_an_index_made_by_other_rules_is_updated(old, fresh, rules):
    change_manifest(old, **rules)
    with pytest.raises(IndexVersionError, match="claimhound index renew --index"):
        IndexSnapshot.open(old)
    renew_index(old, FakeEncoder(renewal_victim.vectors()))
    assert answers(old) == answers(fresh)


def vectors_in(index_dir):
    index = IndexSnapshot.open(index_dir)
    doc_ids = sorted(document.doc_id for document in index.sample(99, 0))
    return dict(zip(doc_ids, index.vectors_of(doc_ids).tolist(), strict=True))


@pytest.fixture
def earlier(quick_dir):
    """An index in an earlier form with the current encoder; every other document has a title, one is blank."""
    encoder = FakeEncoder(renewal_victim.vectors())
    with IndexWriter.create(quick_dir / "index", encoder.identity, exact_up_to=4, small_up_to=0) as writer:
        documents = [Document(f"d{n:02}", text, "Title" if n % 2 else None) for n, text in enumerate(TEXTS)]
        writer.add(documents, encoder.encode(TEXTS))
        writer.add([Document("blank", " ")], np.zeros((1, 2), dtype=np.float32))
        writer.commit()
    with IndexWriter.open(quick_dir / "index", exact_up_to=4, small_up_to=0) as writer:
        writer.delete(["d03"])
        writer.commit()
    return quick_dir / "index"


def test_vectors_that_the_encoder_would_compute_again_are_kept(earlier):
    before = vectors_in(earlier)
    change_manifest(earlier, analysis=0)
    encoder = FakeEncoder(renewal_victim.vectors(), identity=replace(IDENTITY, name="the same by another name"))
    report = renew_index(earlier, encoder, shard_size=8)
    # Only a sample is encoded, as a check.
    assert [len(texts) for texts in encoder.calls] == [19]
    assert (report.n_taken_over, report.n_read) == (20, 20)
    assert vectors_in(earlier) == before


def test_if_titles_are_read_differently_only_vectors_of_untitled_documents_are_kept(earlier):
    before = vectors_in(earlier)
    change_manifest(earlier, text_form=3 - TEXT_FORM_VERSION)
    encoder = FakeEncoder(renewal_victim.vectors())
    assert renew_index(earlier, encoder).n_taken_over == 11
    assert [len(texts) for texts in encoder.calls] == [10, 9]
    assert vectors_in(earlier) == before


@pytest.mark.parametrize("why", ["another encoder", "another precision", "damage", "a missing file", "other vectors"])
def test_vectors_that_the_encoder_would_not_compute_are_replaced(earlier, why):
    encoder = FakeEncoder(renewal_victim.vectors())
    change_manifest(earlier, analysis=0)
    if why == "another encoder":
        encoder.identity = replace(IDENTITY, weights_sha256="9" * 64)
    elif why == "another precision":
        encoder.identity = replace(IDENTITY, precision="int8")
    elif why == "other vectors":
        encoder = FakeEncoder(dict.fromkeys(TEXTS, (-1.0, 0.0)))
    else:
        path = max(earlier.glob("generation-*/vectors/*.faiss"), key=lambda path: path.stat().st_size)
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.unlink() if why == "a missing file" else put_bytes(path, content)
    report = renew_index(earlier, encoder)
    assert report.n_taken_over == 0
    assert sum(map(len, encoder.calls)) >= 20
    assert vectors_in(earlier) == {
        document.doc_id: np.float16(encoder.encode([read_form(document)])[0]).tolist()
        for document in IndexSnapshot.open(earlier).sample(99, 0)
    }


def test_damaged_vectors_are_replaced(old, fresh):
    (generation,) = old.glob("generation-*")
    for path in generation.glob("vectors/*"):
        put_bytes(path, b"nothing that can be read")
    with pytest.raises(IndexDamagedError):
        IndexSnapshot.open(old)
    renew_index(old, FakeEncoder(renewal_victim.vectors()))
    assert answers(old) == answers(fresh)


def test_damaged_text_is_refused(old):
    (generation,) = old.glob("generation-*")
    path = max(generation.glob("text/*.store"), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    put_bytes(path, content)
    encoder = FakeEncoder()
    with pytest.raises(IndexDamagedError, match=r"\.store: damaged \(its checksum does not match\)"):
        renew_index(old, encoder)
    assert encoder.calls == []
    assert sorted(path.name for path in old.iterdir()) == ["generation-000002", "write.lock"]


@pytest.mark.parametrize("n_done", [0, 2, 4])
def test_an_interrupted_renewal_resumes_and_readers_see_the_old_index(old, fresh, n_done):
    reader = IndexSnapshot.open(old)
    before = answers(old, reader)
    with pytest.raises(KeyboardInterrupt):
        renew_index(old, InterruptedEncoder(renewal_victim.vectors(), n_done), shard_size=4)
    assert answers(old) == before
    report, calls = renewal_victim.renew(old)
    assert report.n_reused == 4 * n_done
    assert [len(texts) for texts in calls] == [4, 4, 4, 4, 2][n_done:]
    assert answers(old) == answers(fresh) != before
    # Its generation is deleted, but it still answers.
    assert answers(old, reader) == before


@pytest.mark.slow
def test_a_renewal_killed_at_any_point_resumes_to_the_same_answers(old, fresh, quick_dir):
    before, after = answers(old), answers(fresh)
    (quick_dir / "work").mkdir()
    victim = Path(__file__).with_name("renewal_victim.py")
    arguments = {"index_dir": old, "work": quick_dir / "work"}
    n_changes = json.loads(run_victim(victim, "die_everywhere", arguments, timeout=300).stdout)
    renewed, reused = [], []
    for n in range(n_changes):
        index_dir = quick_dir / "work" / str(n)
        found = answers(index_dir)
        assert found in (before, after), f"change {n}"
        renewed.append(found == after)
        reused.append(renewal_victim.renew(index_dir)[0].n_reused)
        assert answers(index_dir) == after
        assert verify_index(index_dir).damaged == []
        assert len(list(index_dir.iterdir())) == 2
    # The kills came after every shard, and on both sides of the commit.
    assert {0, 4, 8, 12, 16, 18} == set(reused)
    assert renewed == sorted(renewed)
    assert set(renewed) == {False, True}


def test_a_missing_or_locked_index_is_not_renewed(old, tmp_path):
    with pytest.raises(IndexMissingError):
        renew_index(tmp_path / "nowhere", FakeEncoder())
    assert not (tmp_path / "nowhere").exists()
    with IndexWriter.open(old), pytest.raises(IndexLockedError):
        renew_index(old, FakeEncoder())


def built_by(index_dir, identity):
    """Make an index that names an encoder as its own."""
    with IndexWriter.create(index_dir, identity, overwrite=True) as writer:
        writer.add([Document("a", "ice")], np.ones((1, identity.dim), dtype=np.float32))
        writer.commit()
    return index_dir


def test_the_encoder_is_the_index_s_own_even_if_its_weights_changed(tmp_path, tiny_model_dir):
    own = encoder_identity(str(tiny_model_dir))
    index_dir = built_by(tmp_path / "index", own)
    assert encoder_to_renew_with(index_dir) == RenewalEncoder(str(tiny_model_dir), None, "", "")
    built_by(index_dir, replace(own, weights_sha256="5" * 64))
    chosen = encoder_to_renew_with(index_dir)
    assert chosen.model == str(tiny_model_dir)
    assert "(weights 555555555555), whose weights have changed" in chosen.note


def test_an_index_s_prompts_are_kept_if_the_weights_are(tmp_path, tiny_model_dir, other_tiny_model_dir):
    prompts = {"query_prompt": "query: ", "document_prompt": "passage: "}
    index_dir = built_by(tmp_path / "index", encoder_identity(str(tiny_model_dir), **prompts))
    kept = RenewalEncoder(str(tiny_model_dir), None, "query: ", "passage: ")
    assert encoder_to_renew_with(index_dir) == kept
    assert encoder_to_renew_with(index_dir, str(tiny_model_dir)) == kept
    other = str(other_tiny_model_dir)
    assert encoder_to_renew_with(index_dir, other) == RenewalEncoder(other)


def test_a_missing_encoder_is_an_error(tmp_path):
    index_dir = built_by(tmp_path / "index", replace(IDENTITY, name="./gone"))
    with pytest.raises(ModelError, match=r"was built with encoder \./gone, which is not available .* with --encoder"):
        encoder_to_renew_with(index_dir)


@pytest.mark.parametrize("name", ["claimhound-encoder", BUNDLED_ENCODER_NAME])
def test_the_bundled_encoder_is_the_same_with_and_without_its_version(tmp_path, name):
    index_dir = built_by(tmp_path / "index", replace(encoder_identity(), name=name))
    assert encoder_to_renew_with(index_dir) == RenewalEncoder(name, None, "", "")
    IndexSnapshot.open(index_dir).manifest.encoder.require_same(encoder_identity(name), index_dir)


@pytest.mark.parametrize(
    "name", ["claimhound-encoder", "claimhound-encoder@1", "claimhound-encoder@7", BASE_ENCODER_NAME]
)
def test_another_version_of_the_bundled_encoder_is_refused_until_renewed(tmp_path, name):
    other = replace(encoder_identity(), name=name, weights_sha256="7" * 64)
    index_dir = built_by(tmp_path / "index", other)
    model, note, *prompts = encoder_to_renew_with(index_dir)
    assert prompts == [None, None]
    assert model == BUNDLED
    assert note == (
        f"{index_dir}: was built with encoder {name} (weights 777777777777), which no longer exists; "
        f"its vectors will come from {BUNDLED_ENCODER_NAME}"
    )
    with pytest.raises((EncoderMismatchError, ModelError)) as failure:
        load_index_encoder(IndexSnapshot.open(index_dir))
    assert f"claimhound index renew --index {index_dir}" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_an_index_of_the_unversioned_bundled_encoder_opens(tmp_path):
    encoder = FakeEncoder(identity=replace(encoder_identity(), name="claimhound-encoder", precision="int8"))
    (tmp_path / "corpus.txt").write_text("the ice melts\n")
    build_index([str(tmp_path / "corpus.txt")], tmp_path / "index", encoder)
    pipeline = open_pipeline(tmp_path / "index", with_reranker=False, with_stance=False)
    assert pipeline.encoder.identity.name == BUNDLED_ENCODER_NAME
