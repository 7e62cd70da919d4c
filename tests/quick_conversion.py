"""Conversion of models in this process, with few texts for tiny models."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.pipeline.serving.conversion_cache import Conversion

_EVERY = 6


def convert(what: Conversion, target: Path) -> None:
    """Convert a model as the child process would.

    Models other than the bundled ones are converted with a sixth of the texts, which takes half the time: 2 to 3 s.
    """
    from claimhound.pipeline.models import converting

    # Hide the tracer's warnings and the quantizer's progress bars.
    nowhere = io.StringIO()
    with (
        warnings.catch_warnings(),
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        pytest.MonkeyPatch.context() as patch,
    ):
        warnings.simplefilter("ignore")
        if what.model_dir not in {bundled.folder for bundled in BUNDLED_MODELS.values()}:
            for name in ("single_texts", "pair_texts"):
                texts = getattr(converting, name)()
                few = type(texts)(*(part[::_EVERY] for part in texts))
                patch.setattr(converting, name, lambda few=few: few)
        converting.main(what, target)
