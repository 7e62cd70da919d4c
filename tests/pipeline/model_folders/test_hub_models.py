"""Models on the Hub: a complete snapshot or an error, even if other programs share the cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import COMMIT, OTHER_COMMIT, Hub, files_of, serving
from model_zoo import bert_encoder, bert_reranker, change

from claimhound.pipeline.model_folders.hub import named_but_missing, pinned, revision_of
from claimhound.pipeline.models.encoders import encoder_identity
from claimhound.pipeline.serving.conversion import converted
from claimhound.pipeline.serving.conversion_cache import Conversion

REPO = "someone/model"
# One process runs several steps, as imports take seconds. A step is a function's name and its arguments.
STEPS = """
import json, sys
from pathlib import Path
from huggingface_hub import hf_hub_download, snapshot_download
from claimhound.pipeline.model_folders.hub import NotOnThisMachineError, hub_folder

records, *steps = sys.argv[1:]
for step in steps:
    kind, *words = step.split()
    try:
        if kind == "hub_folder":
            print(json.dumps(str(hub_folder(words[0], Path(records)))))
        elif kind == "others":  # another program, file by file; the cache records missing ones
            for name in words[1:]:
                try:
                    hf_hub_download(words[0], name)
                except Exception as error:
                    assert "404" in str(error) or "not found" in str(error).lower(), error
            print(json.dumps("others"))
        else:
            print(json.dumps(snapshot_download(words[0])))
    except NotOnThisMachineError as error:
        print(json.dumps({"refused": str(error).splitlines()[0]}))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = bert_encoder(tmp_path_factory.mktemp("hub") / "model", "Normalize", prompts={"query": "query: "})
    return files_of(folder) | {"onnx/model.onnx": b"for another program"}


@pytest.fixture
def hub(files):
    served = Hub({COMMIT: files, OTHER_COMMIT: files | {"README.md": b"an older version"}})
    with serving(served):
        yield served


@pytest.fixture
def program(tmp_path):
    """Run Python with the Hub at a URL, or offline; return its output."""

    def run_program(url, *words):
        environment = os.environ | {
            "HF_HOME": str(tmp_path / "hf"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "HF_HUB_OFFLINE": "0" if url else "1",
            "HF_ENDPOINT": url or "http://127.0.0.1:9",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_ETAG_TIMEOUT": "5",
            "HF_HUB_DOWNLOAD_TIMEOUT": "5",
        }
        command = [sys.executable, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_program


@pytest.fixture
def run(program, tmp_path):
    """Run steps with the Hub at a URL, or offline; return the result of each."""

    def run_steps(url, *steps):
        shown = program(url, "-c", STEPS, tmp_path / "records", *steps)
        return [json.loads(line) for line in shown.splitlines() if line]

    return run_steps


def test_a_complete_snapshot_is_not_requested_again(hub, run, files):
    (found,) = run(hub.url, f"hub_folder {REPO}")
    folder = Path(found)
    assert revision_of(folder) == COMMIT
    assert {name: data for name, data in files.items() if not name.startswith("onnx/")} == files_of(folder)
    n_requests = len(hub.requests)
    assert run(hub.url, f"hub_folder {REPO}") == run(None, f"hub_folder {REPO}") == [found]
    assert len(hub.requests) == n_requests
    # A file was deleted from the cache.
    (folder / "modules.json").unlink()
    assert run(hub.url, f"hub_folder {REPO}") == [found]
    assert (folder / "modules.json").is_file()


def test_a_partial_snapshot_is_completed_or_refused(hub, run):
    some = "config.json model.safetensors tokenizer.json tokenizer_config.json adapter_config.json"
    run(hub.url, f"others {REPO} {some}")
    (refused,) = run(None, f"hub_folder {REPO}")
    assert "may lack modules.json" in refused["refused"]
    assert "run once online, or name a folder" in refused["refused"]
    (found,) = run(hub.url, f"hub_folder {REPO}")
    assert (Path(found) / "config_sentence_transformers.json").is_file()
    assert run(None, f"hub_folder {REPO}") == [found]


def test_offline_a_cache_that_records_missing_files_is_used(hub, run, files):
    names = [*files, "adapter_config.json", "sentence_bert_config.json", "tokenizer_config.json"]
    run(hub.url, f"others {REPO} {' '.join(name for name in names if not name.startswith('onnx/'))}")
    (found,) = run(None, f"hub_folder {REPO}")
    assert revision_of(Path(found)) == COMMIT
    # This file has the prompts.
    (Path(found) / "config_sentence_transformers.json").unlink()
    (refused,) = run(None, f"hub_folder {REPO}")
    assert "may lack config_sentence_transformers.json" in refused["refused"]


def test_offline_a_complete_snapshot_of_another_program_is_used(hub, run):
    run(hub.url, f"snapshot_download {REPO}")
    (found,) = run(None, f"hub_folder {REPO}")
    assert revision_of(Path(found)) == COMMIT
    (Path(found) / "1_Pooling" / "config.json").unlink()
    (refused,) = run(None, f"hub_folder {REPO}")
    assert "1_Pooling/config.json" in refused["refused"]


def test_an_interrupted_download_does_not_count_as_complete(hub, run):
    hub.broken.add("model.safetensors")
    (refused,) = run(hub.url, f"hub_folder {REPO}")
    assert set(refused) == {"refused"}
    (offline,) = run(None, f"hub_folder {REPO}")
    assert set(offline) == {"refused"}
    hub.broken.clear()
    (found,) = run(hub.url, f"hub_folder {REPO}")
    assert (Path(found) / "model.safetensors").stat().st_size > 1000


def test_a_revision_is_found_by_name_and_by_commit(hub, run):
    old, by_commit, now = run(
        hub.url, f"hub_folder {REPO}@old", f"hub_folder {REPO}@{OTHER_COMMIT}", f"hub_folder {REPO}"
    )
    assert old == by_commit
    assert (revision_of(Path(old)), revision_of(Path(now))) == (OTHER_COMMIT, COMMIT)
    assert run(None, f"hub_folder {REPO}@{OTHER_COMMIT}") == [old]
    (refused,) = run(hub.url, f"hub_folder {REPO}@nowhere")
    assert set(refused) == {"refused"}


def test_the_commit_in_names_and_folders():
    assert pinned("someone/model", None) == "someone/model"
    assert pinned("someone/model@main", COMMIT) == pinned("someone/model", COMMIT) == f"someone/model@{COMMIT}"
    assert revision_of(Path("/cache/models--someone--model/snapshots") / COMMIT) == COMMIT
    assert revision_of(Path("/cache/models--someone--model/snapshots/main")) is None
    assert revision_of(Path("/models/mine")) is None


def test_required_files_that_are_missing(tmp_path):
    folder = bert_encoder(tmp_path / "encoder")
    assert named_but_missing(folder) == []
    (folder / "1_Pooling" / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    assert named_but_missing(folder) == ["model.safetensors", "1_Pooling/config.json"]
    classic = bert_reranker(tmp_path / "reranker")
    change(
        classic / "model.safetensors.index.json", weight_map={"a": "model-1.safetensors", "b": "model-2.safetensors"}
    )
    (classic / "model-1.safetensors").touch()
    (classic / "tokenizer.json").unlink()
    (classic / "vocab.txt").unlink()
    assert named_but_missing(classic) == ["tokenizer.json", "model-2.safetensors"]


@pytest.mark.slow
def test_an_index_keeps_using_its_encoder_s_commit(program, tmp_path):
    model_dir = bert_encoder(tmp_path / "first")
    # Converted here, as the programs would take a while for it.
    what = Conversion(model_dir, "encoder", encoder_identity(str(model_dir)).max_length)
    made = converted(what).folder
    shutil.copytree(made, tmp_path / "cache" / "claimhound" / "models" / made.name)
    first = files_of(model_dir)
    other = files_of(bert_encoder(tmp_path / "second", prompts={"document": "other: "}))
    (tmp_path / "corpus.txt").write_text("the ocean is warm\n")
    (tmp_path / "more.txt").write_text("ice melts\n")
    index = ("--index", tmp_path / "index")
    hub = Hub({COMMIT: first, OTHER_COMMIT: other})
    with serving(hub):
        program(hub.url, "-m", "claimhound", "index", "build", tmp_path / "corpus.txt", *index, "--encoder", REPO)
        # `main` has moved on, and another program has downloaded the new commit.
        main = tmp_path / "hf" / "hub" / "models--someone--model" / "refs" / "main"
        assert main.read_text() == COMMIT
        program(hub.url, "-c", STEPS, tmp_path / "records", f"hub_folder {REPO}@old")
        main.write_text(OTHER_COMMIT)
    program(None, "-m", "claimhound", "index", "add", tmp_path / "more.txt", *index)
    words = ("search", "ice melts", *index, "--no-rerank", "--no-stance", "--format", "json")
    answer = json.loads(program(None, "-m", "claimhound", *words))
    assert {hit["text"] for hit in answer["evidence"]} == {"the ocean is warm", "ice melts"}
    assert answer["models"]["encoder"] == f"{REPO}@{COMMIT}"


def test_a_snapshot_given_by_its_folder_has_no_revision(tmp_path, files):
    folder = tmp_path / "models--someone--model" / "snapshots" / COMMIT
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    identity = encoder_identity(str(folder))
    assert (identity.name, identity.revision) == (str(folder), None)
