"""Building, changing and checking an index from the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_runs import Child, Invoke

from claimhound.data.records import Document
from claimhound.indexes import EncoderIdentity, IndexSnapshot, IndexWriter
from tests.damage import put_bytes
from tests.index_formats import change_manifest, make_format_1, make_format_2


def held_ids(invoke: Invoke, index_dir: Path) -> set[str]:
    answer = invoke(
        "search", "ice sea wind", "--index", index_dir, "--no-rerank", "--no-stance", "--no-encoder", "--format", "json"
    )
    return {hit["doc_id"] for hit in json.loads(answer.stdout)["evidence"]}


def test_build_reports_what_it_read(invoke: Invoke, tiny_model_dir: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "c.txt"
    corpus.write_text("The ice melts.\n\nThe sea rises.\n")
    result = invoke("index", "build", corpus, "--index", tmp_path / "ix", "--encoder", tiny_model_dir)
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'ix'}: generation 1, 2 documents (2 read)\n"


def test_split_sentences_keep_their_text_and_span(invoke: Invoke, tiny_model_dir: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": "d", "text": "The ice melts. The sea rises."}\n')
    built = invoke(
        "index", "build", corpus, "--index", tmp_path / "ix", "--encoder", tiny_model_dir, "--split-sentences"
    )
    assert "2 documents" in built.stdout
    answer = invoke(
        "search", "ice", "--index", tmp_path / "ix", "--no-rerank", "--no-stance", "--no-encoder", "--format", "json"
    )
    (hit,) = json.loads(answer.stdout)["evidence"]
    assert hit["parent_id"] == "d"
    assert hit["span"] == [0, 14]


def test_add_replaces_by_id_and_delete_removes(invoke: Invoke, small_index: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text('{"id": "a", "text": "Ice is cold."}\n{"id": "d", "text": "Ice and sea."}\n')
    added = invoke("index", "add", more, "--index", small_index)
    assert added.stdout == f"{small_index}: generation 2, 4 documents (2 read, 1 replaced)\n"
    deleted = invoke("index", "delete", "a", "d", "--index", small_index)
    assert deleted.stdout == f"{small_index}: generation 3, 2 documents, 2 deleted\n"
    assert held_ids(invoke, small_index) == {"b", "c"}
    compacted = invoke("index", "compact", "--index", small_index)
    assert compacted.stdout == f"{small_index}: generation 4, 2 documents\n"
    assert held_ids(invoke, small_index) == {"b", "c"}


def test_ids_to_delete_can_come_from_a_file_or_standard_input(
    invoke: Invoke, small_index: Path, tmp_path: Path
) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("a\n\n b \n")
    assert invoke("index", "delete", "--ids-from", ids, "--index", small_index).exit_code == 0
    assert held_ids(invoke, small_index) == {"c"}
    last = invoke("index", "delete", "--ids-from", "-", "--index", small_index, stdin="c\n")
    assert last.stdout == f"{small_index}: generation 3, 0 documents, 1 deleted\n"


def test_delete_reports_unknown_ids(invoke: Invoke, small_index: Path) -> None:
    result = invoke("index", "delete", "a", "x", "y", "x", "--index", small_index)
    assert result.exit_code == 1
    assert result.stdout == f"{small_index}: generation 2, 2 documents, 1 deleted\n"
    assert result.stderr == f"Error: {small_index}: does not hold 2 of 3 ids (x, y); the others were deleted\n"
    result = invoke("index", "delete", "x", "--index", small_index)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {small_index}: holds none of these ids (x); nothing was deleted\n"


def test_an_unusable_file_of_ids_is_a_one_line_error(invoke: Invoke, small_index: Path, tmp_path: Path) -> None:
    windows = "if the file is Windows-1252, give --encoding cp1252, or save it as UTF-8"
    (tmp_path / "latin").write_bytes(b"a\ncaf\xe9\n")
    (tmp_path / "blank").write_text("\n \n")
    for name, message in (
        ("latin", f"{tmp_path}/latin:2: not UTF-8: byte 0xe9; {windows}"),
        ("blank", f"{tmp_path}/blank: holds no ids"),
    ):
        result = invoke("index", "delete", "--ids-from", tmp_path / name, "--index", small_index)
        assert result.exit_code == 1
        assert result.stderr == f"Error: {message}\n"
    for path in (tmp_path / "missing", tmp_path):
        result = invoke("index", "delete", "--ids-from", path, "--index", small_index)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"Error: {path}: ")
    result = invoke("index", "delete", "--index", small_index)
    assert result.exit_code == 2
    assert "give at least one ID, or a file of ids with --ids-from" in result.stderr


def test_info_shows_what_an_index_holds(invoke: Invoke, small_index: Path, tiny_model_dir: Path) -> None:
    facts = json.loads(invoke("index", "info", "--index", small_index, "--format", "json").stdout)
    assert (next(iter(facts)), facts["schema"]) == ("schema", 1)
    assert facts["documents"] == 3
    assert facts["generation"] == 1
    assert facts["encoder"] == str(tiny_model_dir)
    assert facts["dimensions"] == 32
    assert facts["deleted_not_yet_compacted"] == 0
    assert facts["split_into_sentences"] is False
    assert (facts["dated_documents"], facts["has_titles"], facts["made_ids"]) == (1, True, {})
    assert facts["tokens"] == 8  # ice melt, sea level rise, wind power clean: stop words do not count
    lines = invoke("index", "info", "--index", small_index, env={"COLUMNS": "40"}).stdout.splitlines()
    assert len(lines) == len(facts) - 1  # the schema number is for programs
    assert [line.split()[-1] for line in lines if line.startswith("documents")] == ["3"]


def test_info_shows_facts_missing_from_format_1_as_unknown(invoke: Invoke, small_index: Path) -> None:
    make_format_1(small_index)
    facts = json.loads(invoke("index", "info", "--index", small_index, "--format", "json").stdout)
    assert facts["format_version"] == 1
    assert (facts["split_into_sentences"], facts["tokens"], facts["precision"]) == (None, None, None)
    result = invoke("index", "info", "--index", small_index)
    assert result.exit_code == 0
    assert result.stderr == (
        f"{small_index}: made with version 1 of the format, but this program has version 3; "
        f"rebuild it with: claimhound index renew --index {small_index}\n"
    )
    shown = {line.split()[0]: line.split()[-1] for line in result.stdout.splitlines()}
    assert (shown["split"], shown["tokens"], shown["precision"]) == ("unknown", "unknown", "unknown")


def test_info_shows_precision_and_prompts_if_there_are_any(invoke: Invoke, tmp_path: Path) -> None:
    encoder = EncoderIdentity("someone/model", "a" * 64, "mean", 64, 2, "bf16, int8", "query: ", "")
    with IndexWriter.create(tmp_path / "ix", encoder) as writer:
        writer.is_split = True
        writer.commit()
    lines = invoke("index", "info", "--index", tmp_path / "ix").stdout.splitlines()
    for name, value in (("precision", "bf16, int8"), ("query prompt", "query: "), ("split into sentences", "yes")):
        assert [line for line in lines if line.startswith(name) and line.endswith(f"  {value}")], name
    assert not [line for line in lines if line.startswith("document prompt")]


@pytest.mark.parametrize("words", [["add", "more.jsonl"], ["delete", "a"], ["compact"]], ids=str)
def test_an_index_of_format_1_must_be_renewed_before_it_is_changed(
    invoke: Invoke, small_index: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_index.parent)
    Path("more.jsonl").write_text('{"id": "d", "text": "Ice and sea."}\n')
    make_format_1(small_index)
    refused = invoke("index", *words, "--index", small_index)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: {small_index}: made with version 1 of the format")
    assert f"claimhound index renew --index {small_index}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    renewed = invoke("index", "renew", "--index", small_index)
    assert renewed.stdout == f"{small_index}: generation 2, 3 documents (3 renewed)\n"
    assert renewed.stderr == ""
    assert held_ids(invoke, small_index) == {"a", "b", "c"}
    assert invoke("index", *words, "--index", small_index).exit_code == 0


def test_an_index_can_be_renewed_with_another_encoder(
    invoke: Invoke, small_index: Path, other_tiny_model_dir: Path
) -> None:
    search = ("search", "ice", "--index", small_index, "--no-rerank", "--no-stance", "--encoder", other_tiny_model_dir)
    refused = invoke(*search)
    assert refused.exit_code == 1
    assert f"claimhound index renew --index {small_index}" in refused.stderr
    assert invoke("index", "renew", "--index", small_index, "--encoder", other_tiny_model_dir).exit_code == 0
    assert invoke(*search).exit_code == 0
    assert invoke("index", "verify", "--index", small_index).exit_code == 0


def test_without_its_encoder_an_index_can_be_renewed_with_another_and_its_files_verified(
    invoke: Invoke, small_index: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_model_dir, tmp_path / "model"))
    invoke("index", "renew", "--index", small_index, "--encoder", model)
    shutil.rmtree(model)
    verified = invoke("index", "verify", "--index", small_index)
    assert verified.exit_code == 0
    assert verified.stdout.startswith(f"{small_index}: generation 2 is intact (")
    assert len(verified.stdout.splitlines()) == len(verified.stderr.splitlines()) == 1
    assert verified.stderr.startswith("vectors not compared with their encoder: ")
    # An encoder that is named must exist.
    assert invoke("index", "verify", "--index", small_index, "--encoder", model).exit_code == 1
    moved = invoke("index", "verify", "--index", small_index, "--encoder", tiny_model_dir)
    assert (moved.exit_code, len(moved.stdout.splitlines()), moved.stderr) == (0, 2, "")
    refused = invoke("index", "renew", "--index", small_index)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: {small_index}: was built with encoder {model}, which is not available (")
    assert refused.stderr.endswith("name it or another one with --encoder\n")
    assert invoke("index", "renew", "--index", small_index, "--encoder", tiny_model_dir).exit_code == 0


def test_an_index_of_a_former_bundled_encoder_is_renewed_with_the_current_one(
    invoke: Invoke, small_index: Path
) -> None:
    own = IndexSnapshot.open(small_index).manifest.encoder
    change_manifest(small_index, encoder=replace(own, name="claimhound-encoder@7"))
    search = ("search", "ice", "--index", small_index, "--no-rerank", "--no-stance")
    refused = invoke(*search)
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert f"claimhound index renew --index {small_index}" in line
    renewed = invoke("index", "renew", "--index", small_index)
    assert renewed.exit_code == 0
    assert f"{small_index}: was built with encoder claimhound-encoder@7 " in renewed.stderr.splitlines()[0]
    assert invoke(*search).exit_code == 0


def test_verify_compares_vectors_with_their_encoder(invoke: Invoke, small_index: Path) -> None:
    verified = invoke("index", "verify", "--index", small_index)
    assert verified.exit_code == 0
    bytes_line, vectors_line = verified.stdout.splitlines()
    assert bytes_line.startswith(f"{small_index}: generation 1 is intact (")
    assert vectors_line == (
        f"{small_index}: 3 texts encoded again, cosine with the stored vectors at least 1.0000, 1.0000 on average"
    )
    own = IndexSnapshot.open(small_index).manifest.encoder
    with IndexWriter.create(small_index, own, overwrite=True) as writer:
        writer.add([Document("a", "The ice melts.")], np.eye(1, own.dim, dtype=np.float32))
        writer.commit()
    bytes_alone = invoke("index", "verify", "--index", small_index, "--no-encoder")
    assert (bytes_alone.exit_code, bytes_alone.stderr) == (0, "")
    assert len(bytes_alone.stdout.splitlines()) == 1
    refused = invoke("index", "verify", "--index", small_index)
    assert refused.exit_code == 1
    assert refused.stdout == bytes_alone.stdout
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"Error: {small_index}: its vectors are not those of encoder {own.name}: of 1 ")
    assert line.endswith(f"claimhound index renew --index {small_index}")
    contradiction = invoke("index", "verify", "--index", small_index, "--no-encoder", "--encoder", "x")
    assert contradiction.exit_code == 2


def test_verify_names_a_changed_file(invoke: Invoke, small_index: Path) -> None:
    assert invoke("index", "verify", "--index", small_index).exit_code == 0
    victim = max((small_index / "generation-000001").rglob("*.store"), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[0] ^= 1
    put_bytes(victim, content)
    result = invoke("index", "verify", "--index", small_index)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert victim.name in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[-1] == (
        f"Error: {small_index}: 1 damaged; restore the files named above or rebuild the index"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.jsonl", b'{"text": "ice"}\n{"text": \n', ":2: "),
        ("notext.jsonl", b'{"text": "ice"}\n{"no": 1}\n', ":2: missing field 'text'"),
        ("twice.jsonl", b'{"id": 1, "text": "ice"}\n{"id": 1, "text": "sea"}\n', ":2: duplicate id '1'"),
        ("latin.txt", b"ice\ncaf\xe9\n", ":2: not UTF-8: byte 0xe9"),
        ("empty.jsonl", b"", ": contains no records"),
        ("strange.doc", b"ice", ": cannot read a file with suffix '.doc'"),
    ],
)
def test_a_bad_file_is_a_one_line_error_and_the_next_build_succeeds(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    bad, good = tmp_path / name, tmp_path / "good.txt"
    bad.write_bytes(content)
    good.write_text("The ice melts.\n")
    build = ("--index", tmp_path / "ix", "--encoder", tiny_model_dir)
    failed = invoke("index", "build", good, bad, *build)
    assert failed.exit_code == 1
    assert failed.stdout == ""
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"Error: {bad}{message}")
    refused = invoke("search", "ice", "--index", tmp_path / "ix", "--no-rerank", "--no-stance")
    assert refused.exit_code == 1
    assert "claimhound index build" in refused.stderr
    assert invoke("index", "build", good, *build).exit_code == 0


def test_bad_records_can_be_skipped_and_are_counted_and_listed(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    corpus, index_dir = tmp_path / "c.jsonl", tmp_path / "ix"
    corpus.write_text('{"id": 1, "text": "ice"}\n{"no": 1}\nnonsense\n')
    result = invoke("index", "build", corpus, "--index", index_dir, "--encoder", tiny_model_dir, "--on-error", "skip")
    assert result.exit_code == 0
    assert result.stdout == f"{index_dir}: generation 1, 1 document (1 read, 2 bad records skipped)\n"
    *skipped, warning = result.stderr.splitlines()
    assert [line.split(": ")[0] for line in skipped if line.startswith("skipped")] == [
        f"skipped {corpus}:2",
        f"skipped {corpus}:3",
    ]
    assert warning == (
        "WARNING: 2 of 3 records (67%) are bad and not in the index: 1 × missing field 'text'; 1 × not valid JSON"
    )


def test_an_index_is_overwritten_only_on_request(invoke: Invoke, small_index: Path, tiny_model_dir: Path) -> None:
    source = small_index.parent / "corpus.jsonl"
    words = ("index", "build", source, "--index", small_index, "--encoder", tiny_model_dir)
    refused = invoke(*words)
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"Error: {small_index}: already contains an index; add to it with: claimhound index add, "
        "or build with --overwrite\n"
    )
    assert invoke(*words, "--overwrite").exit_code == 0


def test_a_folder_with_other_files_is_refused(invoke: Invoke, tiny_model_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "c.txt"
    source.write_text("ice\n")
    result = invoke("index", "build", source, "--index", tmp_path, "--encoder", tiny_model_dir)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {tmp_path}: is not an index folder")


@pytest.mark.parametrize("command", [["info"], ["verify"], ["renew"], ["compact"], ["delete", "a"], ["add", "c.txt"]])
def test_every_command_reports_a_missing_index(invoke: Invoke, tmp_path: Path, command: list[str]) -> None:
    result = invoke("index", *command, "--index", tmp_path / "nothing")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line == (
        f"Error: {tmp_path / 'nothing'}: no such folder; "
        f"build one with: claimhound index build SOURCE --index {tmp_path / 'nothing'}"
    )


def test_an_interrupted_build_says_how_to_resume_and_resumes(
    child: Child, invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    corpus, index_dir = tmp_path / "c.txt", tmp_path / "ix"
    corpus.write_text("".join(f"sea level {number} rises\n" for number in range(40_000)))
    words = ("index", "build", corpus, "--index", index_dir, "--encoder", tiny_model_dir)
    with child(*words) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if any(path.suffix != ".unfinished" for path in index_dir.glob("encoded/*")):
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == b""
    assert err.decode().splitlines()[-1] == (
        "interrupted; run the same command again to resume; the index is unchanged"
    )
    assert b"Traceback" not in err
    resumed = invoke(*words)
    assert resumed.exit_code == 0
    assert "reused from an interrupted build" in resumed.stdout
    assert "40,000 documents" in resumed.stdout


def dense_score(invoke: Invoke, index_dir: Path, *options: object) -> float:
    words = ("search", "sea level rises", "--index", index_dir, "--no-rerank", "--no-stance", "--format", "json")
    (hit, *_) = json.loads(invoke(*words, "-k", 1, *options).stdout)["evidence"]
    score: float = hit["stages"]["dense"]["score"]
    return score


def test_prompts_of_the_build_apply_to_later_additions_and_searches(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    from claimhound.pipeline.models.encoders import load_encoder
    from claimhound.pipeline.serving.compute import Compute

    corpus, more = tmp_path / "c.txt", tmp_path / "more.txt"
    corpus.write_text("the ocean is warm\n")
    more.write_text("sea level rises\n")
    options = ("--encoder", tiny_model_dir, "--query-prompt", "moon ", "--document-prompt", "ice ")
    built = invoke("index", "build", corpus, "--index", tmp_path / "ix", *options)
    assert built.exit_code == 0, built.stderr
    added = invoke("index", "add", more, "--index", tmp_path / "ix")
    assert added.exit_code == 0, added.stderr
    bare = load_encoder(str(tiny_model_dir), Compute("cpu"))
    ((expected,),) = bare.encode(["moon sea level rises"]) @ bare.encode(["ice sea level rises"]).T
    assert abs(dense_score(invoke, tmp_path / "ix") - expected) < 1e-3
    assert abs(dense_score(invoke, tmp_path / "ix") - 1) > 1e-3  # the cosine without prompts


def test_code_in_a_model_folder_is_refused_with_the_option_that_allows_it(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny_model_dir, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "foreign.Model"}}))
    (model / "foreign.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "c.txt").write_text("the ocean is warm\n")
    result = invoke("index", "build", tmp_path / "c.txt", "--index", tmp_path / "ix", "--encoder", model)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {model}: asks to run code that is not part of this program (config.json: auto_map")
    assert line.endswith("--trust-remote-code")


def numbered(n_good: int, n_bad: int) -> str:
    good = [json.dumps({"id": f"g{n}", "text": f"ice sheet {n}"}) for n in range(n_good)]
    return "\n".join([*good, *(json.dumps({"id": f"g{n}", "body of it": "x"}) for n in range(n_bad))])


def test_only_20_bad_records_are_listed_and_only_a_large_share_is_warned_of(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    corpus = tmp_path / "c.jsonl"
    build = ("index", "build", corpus, "--encoder", tiny_model_dir, "--on-error", "skip", "--overwrite")
    corpus.write_text(numbered(300, 22))
    lines = invoke(*build, "--index", tmp_path / "ix").stderr.splitlines()
    assert [line[:7] for line in lines] == ["skipped"] * 21
    assert lines[-1] == "skipped 2 more"
    corpus.write_text(numbered(270, 30))
    warned = invoke(*build, "--index", tmp_path / "ix")
    assert warned.exit_code == 0
    assert warned.stderr.splitlines()[-1] == (
        "WARNING: 30 of 300 records (10%) are bad and not in the index: 30 × missing field 'text'"
    )


def test_an_index_stays_if_no_record_of_a_file_can_be_read(
    invoke: Invoke, small_index: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "renamed.jsonl").write_text(numbered(0, 3))
    for words in (["build", "--overwrite", "--encoder", tiny_model_dir], ["add"]):
        refused = invoke("index", *words, tmp_path / "renamed.jsonl", "--index", small_index, "--on-error", "skip")
        assert refused.exit_code == 1
        (line,) = refused.stderr.splitlines()
        assert line.startswith(
            f"Error: {tmp_path}/renamed.jsonl: none of 3 records can be read, so {small_index} is unchanged; "
            f"the first: {tmp_path}/renamed.jsonl:1: missing field 'text'"
        )
    assert held_ids(invoke, small_index) == {"a", "b", "c"}
    assert IndexSnapshot.open(small_index).manifest.generation == 1


def test_a_split_index_splits_added_texts_and_reports_what_it_deleted(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    first, second, blank, index_dir = (tmp_path / name for name in ("1.jsonl", "2.jsonl", "3.jsonl", "ix"))
    first.write_text('{"id": "a", "text": "Ice melts. Sea rises. Wind blows."}\n{"id": "b", "text": "Ice. Sea."}\n')
    second.write_text('{"id": "a", "text": "Wind blows."}\n')
    invoke("index", "build", first, "--index", index_dir, "--encoder", tiny_model_dir, "--split-sentences")
    added = invoke("index", "add", second, "--index", index_dir)
    assert added.stdout == (f"{index_dir}: generation 2, 3 documents (1 read, 1 replaced, 2 outdated deleted)\n")
    assert added.stderr == (f"{index_dir}: holds sentences, so new texts are split too (--no-split-sentences)\n")
    blank.write_text('{"id": "a", "text": ""}\n{"id": "x", "text": " "}\n')
    refused = invoke("index", "add", blank, "--index", index_dir)
    assert refused.exit_code == 1
    assert refused.stderr.endswith("is blank; to delete such documents, add --withdraw-blank\n")
    withdrawn = invoke("index", "add", blank, "--index", index_dir, "--withdraw-blank")
    assert withdrawn.stdout == (
        f"{index_dir}: generation 3, 2 documents (0 read, 1 withdrawn, 1 blank but not in the index)\n"
    )
    deleted = invoke("index", "delete", "b", "--index", index_dir)
    assert deleted.stdout == f"{index_dir}: generation 4, 0 documents, 2 deleted\n"


def test_files_with_the_same_name_need_an_id_prefix(invoke: Invoke, tiny_model_dir: Path, tmp_path: Path) -> None:
    for year in ("old", "new"):
        (tmp_path / year).mkdir()
        (tmp_path / year / "news.txt").write_text(f"ice {year}\n")
    index_dir = tmp_path / "ix"
    invoke("index", "build", tmp_path / "old/news.txt", "--index", index_dir, "--encoder", tiny_model_dir)
    add = ("index", "add", tmp_path / "new/news.txt", "--index", index_dir)
    refused = invoke(*add)
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert str(tmp_path / "old/news.txt") in line
    assert line.startswith(f"Error: {tmp_path}/new/news.txt: its records would get ids such as news:1")
    assert "--id-prefix NAME" in line
    assert held_ids(invoke, index_dir) == {"news:1"}
    assert invoke(*add, "--id-prefix", "new").exit_code == 0
    assert held_ids(invoke, index_dir) == {"news:1", "new:1"}
    facts = json.loads(invoke("index", "info", "--index", index_dir, "--format", "json").stdout)
    assert facts["made_ids"] == {"news": str(tmp_path / "old/news.txt"), "new": str(tmp_path / "new/news.txt")}
    assert invoke(*add, "--id-prefix", "a b").exit_code == 1


@pytest.mark.parametrize("words", [["search", "ice"], ["index", "verify"]], ids=str)
def test_an_earlier_format_is_refused_with_the_command_that_renews_it(
    invoke: Invoke, small_index: Path, words: list[str]
) -> None:
    make_format_2(small_index)
    refused = invoke(*words, "--index", small_index)
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"Error: {small_index}: made with version 2 of the format, but this program has version 3; "
        f"rebuild it with: claimhound index renew --index {small_index}\n"
    )
    renewed = invoke("index", "renew", "--index", small_index)
    assert renewed.stdout == (f"{small_index}: generation 2, 3 documents (3 renewed)\n")
    assert invoke("index", "verify", "--index", small_index).exit_code == 0


def test_an_index_can_be_a_symbolic_link_and_a_dangling_one_is_an_error(
    invoke: Invoke, tiny_model_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "c.txt").write_text("ice\n")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    build = ("index", "build", tmp_path / "c.txt", "--encoder", tiny_model_dir, "--index")
    for words in ((*build, tmp_path / "link"), (*build, tmp_path / "link", "--overwrite")):
        assert invoke(*words).exit_code == 0
    (tmp_path / "real").rename(tmp_path / "moved")
    assert invoke("index", "add", tmp_path / "c.txt", "--index", tmp_path / "moved").exit_code == 0
    refused = invoke(*build, tmp_path / "link")
    assert refused.stderr == (
        f"Error: {tmp_path}/link: is a link to real, which does not exist; create that folder, or name another\n"
    )
    assert invoke("index", "info", "--index", tmp_path / "c.txt").stderr == (
        f"Error: {tmp_path}/c.txt: is a file; name the folder of an index\n"
    )


def test_file_names_that_are_not_ascii_work_in_an_ascii_locale(child: Child, small_index: Path, tmp_path: Path) -> None:
    index_dir, more = small_index.rename(tmp_path / "ïndex é"), tmp_path / "plús.txt"
    more.write_text("the ice is thin\n", encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in (["index", "add", more], ["search", "thin ice", "--no-rerank", "--no-stance", "--format", "jsonl"]):
        with child(*words, "--index", index_dir, env=os.environ | ascii_only) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert json.loads(out)["evidence"][0]["doc_id"] == "plús:1"
