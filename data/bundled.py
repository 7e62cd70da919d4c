"""Where the data that comes with the package lies."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def sample_dir() -> Path:
    """Return the folder of the sample: `evidence.jsonl`, `claims.jsonl` and `qrels.tsv`."""
    return _HERE / "sample"


def bundled_encoder_dir() -> Path:
    """Return the folder of the bi-encoder that is used unless another is named."""
    return _HERE / "models" / "encoder"


def bundled_reranker_dir() -> Path:
    """Return the folder of the cross-encoder that is used unless another is named."""
    return _HERE / "models" / "reranker"


def bundled_stance_dir() -> Path:
    """Return the folder of the stance model that is used unless another is named."""
    return _HERE / "models" / "stance"
