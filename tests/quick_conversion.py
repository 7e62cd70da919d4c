"""Conversion of models in this process, with few texts for tiny models."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.pipeline.serving.conversion_cache import Conversion
from claimhound.pipeline.serving.conversion_texts import conversion_texts

_EVERY = 6


def convert(what: Conversion, target: Path) -> None:
    """Convert a model as the child process would.

    Models other than the bundled ones are converted with a sixth of the texts, which takes half the time: 2 to 3 s.
    """
    from claimhound.pipeline.models import converting

    texts = conversion_texts(what.kind)
    if what.model_dir not in {bundled.folder for bundled in BUNDLED_MODELS.values()}:
        texts = texts._make(part[::_EVERY] for part in texts)
    # Hide the tracer's warnings and the quantizer's progress bars.
    nowhere = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(nowhere), redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        converting.main(what, target, texts)
