"""The model that a training starts from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data.errors import ModelError
from pipeline.model_files import (
    BUNDLED,
    BUNDLED_ENCODER_NAME,
    BUNDLED_RERANKER_NAME,
    BUNDLED_STANCE_NAME,
    encoder_dir,
    first_line,
    reranker_dir,
    stance_dir,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class BaseModel(NamedTuple):
    """A model's folder, and what a card calls it."""

    folder: Path
    name: str


def find_base_model(model: str | None) -> BaseModel:
    """Return what a name stands for: a bundled model, `all-MiniLM-L6-v2`, a folder or a name on the Hub.

    None is the bundled encoder. Raises ModelError if there is none.
    """
    if model is None or model == BUNDLED:
        return BaseModel(encoder_dir(BUNDLED), BUNDLED_ENCODER_NAME)
    find = {BUNDLED_RERANKER_NAME: reranker_dir, BUNDLED_STANCE_NAME: stance_dir}.get(model, encoder_dir)
    return BaseModel(find(model), Path(model).expanduser().name if Path(model).expanduser().is_dir() else model)


@contextmanager
def loading(source: str) -> Iterator[None]:
    """Turn what libraries say of a model that cannot be loaded into a ModelError; check its tokenizer first."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # of a tenth of a second, in the middle of our own
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").exists():
        raise ModelError(f"{source}: holds no config.json, so it is no model folder")
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # that a head is drawn anew is what was asked for
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=True)
        if len(tokenizer) <= len(tokenizer.all_special_ids):
            raise ModelError(f"{source}: its tokenizer has no words; the base model needs its tokenizer beside it")
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{source}: cannot be loaded as a base model: {first_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)


def prepare_for_training(model: Any, transformer: PreTrainedModel, *, dropout: float, freeze_embeddings: bool) -> None:
    """Bring weights that were saved in half precision to float32, set every dropout, and freeze the word vectors."""
    from torch.nn import Dropout

    model.float()
    # Where there are no examples for the library's card, which ours takes the place of, it looks for some, with a bar.
    model.model_card_data.widget = [{"text": ""}]
    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = dropout
    if freeze_embeddings:
        transformer.get_input_embeddings().requires_grad_(False)


def mix_in(model: Any, base: Any, share: float) -> None:
    """Make each weight of the model `share` of the base model's and the rest its own, in float32.

    What was learned stays for the most part, and what the base model knew of other fields comes back. Source: Wortsman
    et al., Robust fine-tuning of zero-shot models, CVPR 2022 (https://arxiv.org/abs/2109.01903), equation 1.
    """
    others = base.float().state_dict()
    for name, weight in model.float().state_dict().items():
        if weight.is_floating_point():
            weight.lerp_(others[name].to(weight.device), share)


def save_half_precision(model: Any, output_dir: Path) -> None:
    """Save the model with float16 weights, half the bytes."""
    model.half()
    model.save_pretrained(str(output_dir), create_model_card=False)
    model.float()
    for path in output_dir.glob("*.safetensors"):
        path.chmod(0o644)
