"""Base models that training starts from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claimhound.data.bundled import BUNDLED_MODELS, Role
from claimhound.data.errors import ModelError, first_line
from claimhound.data.extras import require
from claimhound.pipeline.model_folders.files import read_any_json, read_json
from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir, with_version
from claimhound.pipeline.models.stance_labels import label_names

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from transformers import PretrainedConfig, PreTrainedModel

_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


class BaseModel(NamedTuple):
    """A model's folder, and its name in a model card."""

    folder: Path
    name: str


def find_base_model(model: str | None) -> BaseModel:
    """Return the model of a name: a bundled model, `all-MiniLM-L6-v2`, a folder or a name on the Hub.

    None is the bundled encoder. Raises ModelError if there is no such model, and InputError without the training extra.
    """
    require("accelerate", "train", "training")
    if model is None or model == BUNDLED:
        return BaseModel(find_model_dir("encoder", BUNDLED), BUNDLED_MODELS["encoder"].name)
    model = with_version(model)
    role: Role = next((role for role, bundled in BUNDLED_MODELS.items() if bundled.name == model), "encoder")
    folder = Path(model).expanduser()
    return BaseModel(find_model_dir(role, model), folder.name if folder.is_dir() else model)


@contextmanager
def loading(source: str) -> Iterator[PretrainedConfig]:
    """Yield a base model's configuration, and turn the libraries' loading errors into a ModelError.

    Refuses a model without a tokenizer, one that brings its own code (which is never run) and a causal language model,
    which the libraries would load and train as something other than what is served afterwards.
    """
    from transformers import AutoConfig, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # theirs lasts a tenth of a second and would interrupt ours
    folder = Path(source)
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise ModelError(f"{source}: not a model folder: it has no config.json")
        _refuse_own_code(folder)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # a new head is what was asked for, not worth a warning
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=True)
        causal = [name for name in config.architectures or () if name.endswith(_CAUSAL)]
        if causal:
            raise ModelError(
                f"{source}: is a causal language model ({', '.join(causal)}); start from a bi-encoder or a "
                "cross-encoder"
            )
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=True)
        if len(tokenizer) <= len(tokenizer.all_special_ids):
            raise ModelError(f"{source}: its tokenizer has no words; add the base model's tokenizer files")
        yield config
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise ModelError(f"{source}: cannot be loaded as a base model: {first_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)


def _refuse_own_code(folder: Path) -> None:
    """Raise ModelError for a model built from its own Python files or from modules of other packages."""
    for name in ("config.json", "tokenizer_config.json"):
        if "auto_map" in read_json(folder / name):
            raise ModelError(f"{folder}: needs its own code (auto_map in {name}), which is never run for a base model")
    modules_path = folder / "modules.json"
    modules = read_any_json(modules_path) if modules_path.is_file() else []
    for module in modules if isinstance(modules, list) else []:
        kind = str(module.get("type") if isinstance(module, dict) else module)
        if not kind.startswith("sentence_transformers."):
            raise ModelError(
                f"{folder}: needs its own code ({kind} in modules.json), which is never run for a base model"
            )


def _is_decoder(config: PretrainedConfig) -> bool:
    """Return whether a model reads left to right only: its type has a causal language model and no masked one."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    kind = config.model_type
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES


class CrossEncoderBase(NamedTuple):
    """A cross-encoder to train, with the labels of the head it had before, empty if it had none.

    `head_is_new` if that head was missing or had another number of labels.
    """

    model: CrossEncoder
    labels_before: tuple[str, ...]
    head_is_new: bool


def load_cross_encoder(source: str, n_labels: int, *, max_length: int, seed: int, device: str) -> CrossEncoderBase:
    """Load a BERT-like model, a bi-encoder or a cross-encoder as one with `n_labels`; `seed` draws a new head.

    The body keeps the base model's weights. The base model's prompts and activation are dropped: neither is served.
    Raises ModelError for a model that cannot be loaded, or whose architecture is not served.
    """
    import torch
    from sentence_transformers import CrossEncoder

    with loading(source) as config:
        if config.is_encoder_decoder or _is_decoder(config):
            raise ModelError(
                f"{source}: is a decoder ({config.model_type}), which classifies by its last token and cannot be "
                "served; start from a bidirectional model, such as a BERT"
            )
        architectures = config.architectures or ()
        # Without a named architecture, a model has a head if its number of labels is not the default.
        has_head = any(name.endswith("ForSequenceClassification") for name in architectures) or (
            not architectures and config.num_labels != 2
        )
        labels = label_names(config.to_dict()) if has_head else ()
        torch.manual_seed(seed)
        model: CrossEncoder = CrossEncoder(
            source,
            num_labels=n_labels,
            max_length=max_length,
            device=device,
            activation_fn=torch.nn.Sigmoid() if n_labels == 1 else torch.nn.Identity(),
            trust_remote_code=False,
            # Only the head may change its size: body weights of another size are an error.
            model_kwargs={"ignore_mismatched_sizes": True} if has_head and len(labels) != n_labels else None,
        )
    kinds = [type(module).__name__ for module in model]
    if kinds != ["Transformer"] or not type(model.model).__name__.endswith("ForSequenceClassification"):
        raise ModelError(f"{source}: is built of {' + '.join(kinds)}; only a transformer with one head can be served")
    model.prompts, model.default_prompt_name = {}, None
    return CrossEncoderBase(model, labels, len(labels) != n_labels)


def draw_head(transformer: PreTrainedModel, n_labels: int, seed: int) -> None:
    """Re-initialise the last layer: the library keeps one of the same width, even if its labels differ.

    Raises ModelError if no layer, or more than one, can be the head.
    """
    import torch

    body = f"{transformer.base_model_prefix}."
    layers = [
        module
        for name, module in transformer.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == n_labels and not name.startswith(body)
    ]
    if len(layers) != 1:
        raise ModelError(f"the base model's head ({type(transformer).__name__}) cannot be told from its body")
    generator = torch.Generator().manual_seed(seed)
    std = getattr(transformer.config, "initializer_range", 0.02)
    with torch.no_grad():
        weight = layers[0].weight
        weight.copy_(torch.normal(0.0, std, weight.shape, generator=generator))
        if layers[0].bias is not None:
            layers[0].bias.zero_()


def transformer_of(model: Any) -> PreTrainedModel:
    """Return the transformer of a SentenceTransformer or CrossEncoder. Raises ModelError if there is none."""
    transformer: PreTrainedModel | None = getattr(model[0], "auto_model", None)
    if transformer is None:
        raise ModelError("the base model has no transformer")
    return transformer


def prepare_for_training(model: Any, *, dropout: float, freeze_embeddings: bool) -> None:
    """Convert half-precision weights to float32, set every dropout, and freeze the word vectors if asked."""
    from torch.nn import Dropout

    model.float()
    # Without examples for its own model card, which ours replaces, the library looks for some and shows a progress bar.
    model.model_card_data.widget = [{"text": ""}]
    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = dropout
    if freeze_embeddings:
        transformer_of(model).get_input_embeddings().requires_grad_(False)


def mix_in(model: Any, base: Any, share: float) -> None:
    """Interpolate each weight: `share` of the base model's and the rest the model's own, in float32.

    Keeps most of what was learned and recovers what the base model knew of other fields. Source: Wortsman et al.,
    Robust fine-tuning of zero-shot models, CVPR 2022 (https://arxiv.org/abs/2109.01903), equation 1.
    """
    others = base.float().state_dict()
    for name, weight in model.float().state_dict().items():
        if weight.is_floating_point():
            weight.lerp_(others[name].to(weight.device), share)


def save_half_precision(model: Any, output_dir: Path) -> None:
    """Save the model with float16 weights, half the size."""
    model.half()
    model.save_pretrained(str(output_dir), create_model_card=False)
    model.float()
    for path in output_dir.glob("*.safetensors"):
        path.chmod(0o644)
