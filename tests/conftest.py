"""Fixtures for all tests; network access is blocked."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["NNCF_CI"] = "1"
os.environ["CI"] = "true"

import re
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from claimhound.data.bundled import sample_dir
from claimhound.indexes.durable import remove_folder

SHARED_DATASETS = Path(__file__).resolve().parents[2] / "shared" / "datasets"

WORDS = """
the a of and in to is are was were by than more less not no it sea level ice sheet glacier melts melt
rise rises rising warm warms warming heat ocean oceans carbon dioxide emissions human humans volcano
volcanoes sun solar energy power wind coal gas oil nuclear vaccine vaccines virus measles cause causes
autism moon landing mars rocket orbit year years since per cent percent temperature global average price
prices inflation bank war empire city people population water climate change science study shows data
record 1 2 3 4 5 10 20 50 100 1900 1969 2020 degrees celsius metres meters
""".split()  # noqa: SIM905


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse all network connections."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: object) -> None:
        if self.family == socket.AF_UNIX:
            connect(self, address)  # type: ignore[arg-type]
            return
        raise OSError(f"tests do not use the network: {address!r}")

    socket.socket.connect = refuse  # type: ignore[assignment,method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests out of the user's cache.

    The processes of one run share a cache, so each model is converted once.
    """
    before = os.environ.get("XDG_CACHE_HOME")
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    os.environ["XDG_CACHE_HOME"] = str((base.parent if is_one_of_several else base) / "cache")
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(scope="session", autouse=True)
def _convert_here() -> Iterator[None]:
    """Convert models in this process, with the function that the child process would call.

    A child needs 6 s for imports, and the tests convert thirty tiny models. Commands run as processes convert in a
    child, as does `test_conversion.py` where that matters.
    """
    from claimhound.pipeline.serving import conversion
    from tests.quick_conversion import convert

    defaults = conversion.converted.__kwdefaults__
    before = defaults["convert"]
    defaults["convert"] = convert
    yield
    defaults["convert"] = before


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory if possible: commits and jobs wait for the disk some twenty times each."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="claimhound-tests-", dir=memory))
    yield folder
    remove_folder(folder)


@pytest.fixture(scope="session")
def shared_datasets() -> Path:
    """The folder of real data sets next to the checkout; skips the test if it is missing."""
    if not SHARED_DATASETS.is_dir():
        pytest.skip(f"real data sets are not at {SHARED_DATASETS}")
    return SHARED_DATASETS


def _save_tiny_bert(
    directory: Path,
    *,
    num_labels: int | None,
    seed: int,
    labels: Sequence[str] = (),
    scale: float = 1.0,
    n_positions: int = 64,
    words: Sequence[str] = WORDS,
) -> None:
    import torch
    from tokenizers import BertWordPieceTokenizer, Tokenizer
    from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizerFast

    directory.mkdir(parents=True)
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters, *(f"##{c}" for c in letters), ".", ","]
    vocab = list(dict.fromkeys(pieces))
    backend = BertWordPieceTokenizer(vocab={word: i for i, word in enumerate(vocab)}, lowercase=True)
    tokenizer = BertTokenizerFast(tokenizer_object=Tokenizer.from_str(backend.to_str()), model_max_length=n_positions)
    tokenizer.save_pretrained(directory)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=n_positions,
        **({} if num_labels is None else {"num_labels": num_labels}),
    )
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
    torch.manual_seed(seed)
    model = BertModel(config) if num_labels is None else BertForSequenceClassification(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(scale if weight.ndim == 2 else 1.0)
    model.eval().save_pretrained(directory)


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a one-layer, 32-dimension BERT with seeded random weights, and its tokenizer."""
    directory = tmp_path_factory.mktemp("models") / "tiny-bert"
    _save_tiny_bert(directory, num_labels=None, seed=1)
    return directory


@pytest.fixture(scope="session")
def tiny_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `tiny_model_dir`, with room for texts as long as the bundled models read, and words that tell them apart."""
    directory = tmp_path_factory.mktemp("models") / "tiny-base"
    words = re.findall(r"[a-z]+", (sample_dir() / "evidence.jsonl").read_text(encoding="utf-8").lower())
    _save_tiny_bert(directory, num_labels=None, seed=6, n_positions=256, words=words, scale=20.0)
    return directory


@pytest.fixture(scope="session")
def other_tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `tiny_model_dir`, with other weights."""
    directory = tmp_path_factory.mktemp("models") / "other-tiny-bert"
    _save_tiny_bert(directory, num_labels=None, seed=2)
    return directory


@pytest.fixture(scope="session")
def tiny_reranker_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT cross-encoder with one label."""
    directory = tmp_path_factory.mktemp("models") / "tiny-reranker"
    _save_tiny_bert(directory, num_labels=1, seed=3)
    return directory


@pytest.fixture(scope="session")
def tiny_stance_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT cross-encoder with the three stances as labels, in another order than ours."""
    directory = tmp_path_factory.mktemp("models") / "tiny-stance"
    _save_tiny_bert(directory, num_labels=3, seed=4, labels=("REFUTES", "NOT_ENOUGH_INFO", "SUPPORTS"))
    return directory


@pytest.fixture(scope="session")
def tiny_nli_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT cross-encoder for natural language inference, with clearly distinct logits."""
    directory = tmp_path_factory.mktemp("models") / "tiny-nli"
    _save_tiny_bert(directory, num_labels=3, seed=5, labels=("contradiction", "entailment", "neutral"), scale=8.0)
    return directory
