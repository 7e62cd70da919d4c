"""A changed byte is found and named, and never worse than an error."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from index_samples import ENCODER, answers, committed_files, documents, generation_folder

from claimhound.data.errors import IndexDamagedError, IndexMissingError, IndexUnusableError, IndexVersionError
from claimhound.data.records import Document
from claimhound.data.text.text_form import TEXT_FORM_VERSION
from claimhound.indexes import IndexSnapshot, IndexWriter, verify_index
from claimhound.indexes.analysis.terms import ANALYSIS_VERSION
from claimhound.indexes.layout import latest_generation
from claimhound.indexes.manifest import FORMAT_VERSION
from claimhound.indexes.stored_text import StoredText
from tests.damage import put_bytes
from tests.victims import DONE, OUR_ERROR


def some_offsets(size: int, n: int, chance: random.Random) -> list[int]:
    """Return the first and last offset, those around the edges that opening checks, and n random ones."""
    wanted = {0, size - 1, 4095, 4096, size - 4096, size - 4097, *(chance.randrange(size) for _ in range(n))}
    return sorted(offset for offset in wanted if 0 <= offset < size)


@pytest.mark.parametrize("name", ["base", "larger"])
def test_verify_names_the_file_of_any_single_flipped_byte(name: str, request: pytest.FixtureRequest) -> None:
    index_dir = request.getfixturevalue(name)
    chance = random.Random(1)
    assert verify_index(index_dir).damaged == []
    for path in committed_files(index_dir):
        whole = path.read_bytes()
        every = range(len(whole)) if path.name == "manifest.json" else some_offsets(len(whole), 8, chance)
        for offset in every:
            changed = bytearray(whole)
            # Other white space is a changed byte too.
            is_space = path.name == "manifest.json" and chr(whole[offset]).isspace()
            changed[offset] = ord("\t") if is_space else whole[offset] ^ (1 << chance.randrange(8))
            put_bytes(path, changed)
            damaged = verify_index(index_dir).damaged
            assert len(damaged) == 1, f"{path.name} at {offset}"
            assert str(path) in damaged[0]
        put_bytes(path, whole)
    assert verify_index(index_dir).damaged == []


def test_verify_names_a_file_that_is_shorter_longer_or_missing(base: Path) -> None:
    for path in committed_files(base):
        whole = path.read_bytes()
        for other in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"\0"):
            put_bytes(path, other)
            assert [str(path) in text for text in verify_index(base).damaged] == [True]
        path.unlink()
        assert verify_index(base).damaged == [f"{path}: missing"]
        with pytest.raises(IndexDamagedError, match="missing"):
            IndexSnapshot.open(base)
        put_bytes(path, whole)


def test_verify_reports_how_much_it_read(base: Path) -> None:
    told: list[tuple[str, int]] = []
    verification = verify_index(base, on_file=lambda name, size: told.append((name, size)))
    files = committed_files(base)[1:]
    assert verification.generation == 2
    assert verification.n_files == len(told) == len(files)
    assert verification.n_bytes == sum(size for _, size in told) == sum(path.stat().st_size for path in files)


@pytest.mark.slow
def test_a_damaged_file_is_our_error_or_unnoticed_but_never_a_crash(base: Path, victim: Callable[..., Any]) -> None:
    chance = random.Random(2)
    damages: list[tuple[str, int, str]] = []
    seen_at_open = 0
    for path in committed_files(base):
        size = path.stat().st_size
        for offset in some_offsets(size, 6, chance):
            byte = path.read_bytes()[offset] ^ (1 << chance.randrange(8))
            damages.append((str(path), offset, f"{byte:02x}"))
            seen_at_open += offset < 4096 or offset >= size - 4096
        damages.append((str(path), -1, ""))
        damages.append((str(path), -1, chance.randbytes(size).hex()))
        damages.append((str(path), -1, chance.randbytes(9).hex()))
    codes = victim("use_damaged", index_dir=base, damages=damages)
    assert set(codes) <= {DONE, OUR_ERROR}, [
        d for d, c in zip(damages, codes, strict=True) if c not in (DONE, OUR_ERROR)
    ]
    assert codes.count(OUR_ERROR) >= seen_at_open + 2 * len(committed_files(base))


@pytest.mark.slow
def test_a_flipped_byte_between_the_edges_is_never_a_crash(larger: Path, victim: Callable[..., Any]) -> None:
    chance = random.Random(4)
    damages = []
    for path in committed_files(larger):
        size = path.stat().st_size
        for _ in range(12 if size > 8192 else 0):
            offset = chance.randrange(4096, size - 4096)
            byte = path.read_bytes()[offset] ^ (1 << chance.randrange(8))
            damages.append((str(path), offset, f"{byte:02x}"))
    assert len(damages) >= 48
    codes = victim("use_damaged", index_dir=larger, damages=damages)
    assert set(codes) <= {DONE, OUR_ERROR}, [
        d for d, c in zip(damages, codes, strict=True) if c not in (DONE, OUR_ERROR)
    ]


def stored_documents(index_dir: Path) -> list[Document]:
    return [document for _, document in StoredText.open(index_dir).entries()]


def rewrite_manifest(index_dir: Path, **changes: object) -> None:
    path = generation_folder(index_dir) / "manifest.json"
    body = json.loads(path.read_bytes())["manifest"] | changes
    checksum = hashlib.sha256((json.dumps(body, indent=1, sort_keys=True) + "\n").encode()).hexdigest()
    path.write_text(json.dumps({"checksum": checksum, "manifest": body}, indent=1, sort_keys=True) + "\n")


def test_a_manifest_with_a_good_checksum_but_wrong_fields_is_refused(base: Path) -> None:
    rewrite_manifest(base, files={"text/meta.json": {"size": 3}})
    with pytest.raises(IndexDamagedError, match="is not a manifest of format version 3"):
        IndexSnapshot.open(base)


def test_an_index_of_another_format_version_is_refused_with_the_versions(base: Path) -> None:
    rewrite_manifest(base, format_version=FORMAT_VERSION + 1)
    for use in (IndexSnapshot.open, IndexWriter.open, StoredText.open, verify_index):
        with pytest.raises(IndexVersionError) as failure:
            use(base)  # type: ignore[operator]
        assert str(failure.value) == (
            f"{base}: made with version {FORMAT_VERSION + 1} of the format, "
            f"but this program has version {FORMAT_VERSION}; "
            "use the program that wrote it, or a later version of this one"
        )


@pytest.mark.parametrize(
    ("part", "name", "current"),
    [("text_form", "text form", TEXT_FORM_VERSION), ("analysis", "BM25 analysis", ANALYSIS_VERSION)],
)
def test_an_index_with_other_versions_of_the_rules_is_refused_but_verifies(
    base: Path, part: str, name: str, current: int
) -> None:
    rewrite_manifest(base, **{part: 7})
    for use in (IndexSnapshot.open, IndexWriter.open):
        with pytest.raises(IndexVersionError) as failure:
            use(base)  # type: ignore[operator]
        assert str(failure.value) == (
            f"{base}: made with version 7 of the {name}, but this program has version {current}; "
            f"rebuild it with: claimhound index renew --index {base}"
        )
    # Its bytes are still intact.
    assert verify_index(base).damaged == []
    put_bytes(next(generation_folder(base).glob("text/*.store")), b"other bytes")
    assert len(verify_index(base).damaged) == 1


def test_the_documents_of_an_index_with_other_rules_can_be_read(base: Path) -> None:
    held = IndexSnapshot.open(base).sample(100, 0)
    rewrite_manifest(base, analysis=7)
    assert stored_documents(base) == held


def test_an_index_keeps_the_scheme_of_its_ids(base: Path) -> None:
    rewrite_manifest(base, id_scheme=7)
    with IndexWriter.open(base) as writer:
        writer.delete(["d0001"])
        assert writer.commit().id_scheme == 7


def test_stored_documents_can_be_read_without_vectors_but_not_if_a_byte_of_text_changed(
    larger: Path,
) -> None:
    held = documents(3000)
    for path in generation_folder(larger).glob("vectors/*"):
        path.unlink()
    with pytest.raises(IndexDamagedError, match="missing"):
        IndexSnapshot.open(larger)
    assert stored_documents(larger) == held
    (path,) = generation_folder(larger).glob("text/*.store")
    whole = bytearray(path.read_bytes())
    # Between the edges, which opening does not read.
    whole[len(whole) // 2] ^= 1
    put_bytes(path, whole)
    with pytest.raises(IndexDamagedError) as failure:
        StoredText.open(larger)
    assert str(failure.value) == f"{path}: damaged (its checksum does not match); restore it or rebuild the index"
    path.unlink()
    with pytest.raises(IndexDamagedError, match=r"\.store: damaged \(missing\)"):
        StoredText.open(larger)


def test_garbage_in_place_of_a_manifest_is_damage(base: Path) -> None:
    path = generation_folder(base) / "manifest.json"
    for garbage in (b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"manifest": {}, "checksum": 3}'):
        put_bytes(path, garbage)
        with pytest.raises(IndexDamagedError, match=r"manifest\.json: damaged"):
            IndexSnapshot.open(base)


def test_a_missing_index_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match=r"no such folder; build one with: claimhound index build"):
        IndexSnapshot.open(tmp_path / "nowhere")
    with pytest.raises(IndexMissingError, match="contains no finished index"):
        IndexSnapshot.open(tmp_path)
    with pytest.raises(IndexMissingError):
        IndexWriter.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_an_unreadable_folder_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(IndexUnusableError):
        latest_generation(tmp_path / "loop")


def test_a_reader_without_write_permission_can_search_and_verify(
    base: Path, quick_dir: Path, victim: Callable[..., Any]
) -> None:
    if os.getuid() == 0 and not all(parent.stat().st_mode & 0o005 == 0o005 for parent in quick_dir.parents):
        pytest.skip("no folder that another user could read")
    before = answers(base)
    for path in [quick_dir, *quick_dir.rglob("*")]:
        if path.name == ".tantivy-meta.lock":
            path.unlink()
        else:
            path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert victim("read_without_rights", index_dir=base) == DONE
        assert not list(base.rglob("*.lock"))[1:]
    finally:
        for path in [quick_dir, *(p for p in quick_dir.rglob("*") if p.is_dir())]:
            path.chmod(0o755)
    assert answers(base) == before


def test_every_committed_file_has_the_permissions_of_the_manifest(base: Path) -> None:
    assert len({path.stat().st_mode for path in committed_files(base)}) == 1


def test_an_index_copied_file_by_file_opens_verifies_and_takes_changes(base: Path, quick_dir: Path) -> None:
    shutil.copytree(base, quick_dir / "copy")
    assert answers(quick_dir / "copy") == answers(base)
    with IndexWriter.open(quick_dir / "copy", small_up_to=0) as writer:
        assert writer.encoder == ENCODER
        writer.delete(["d0001"])
        writer.commit()
    assert verify_index(quick_dir / "copy").damaged == []
