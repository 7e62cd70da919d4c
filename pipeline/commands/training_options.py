"""Options of `train`: the data, the folders, and one option for each setting of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from claimhound.pipeline.commands.model_choice import training_compute_options
from claimhound.pipeline.commands.options import Decorator, combined, path_option
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.recipe import Recipe
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe

PAIRS = "KIND:PATH[+LABEL][@N]"
STANCE_PAIRS = "KIND:PATH[@N]"

pretrain_option = click.option(
    "--pretrain", multiple=True, metavar=PAIRS, help="Pairs to learn first, named like those of --data; repeatable."
)
no_resume_option = click.option(
    "--no-resume", is_flag=True, help="Start over instead of resuming from the last checkpoint."
)


def data_option(text: str, *, required: bool) -> Decorator:
    """Return `--data` for pairs to learn."""
    kinds = "mined:FILE, pairs:FILE, evidence:FILE, squad:FILE or rationales:DIR"
    labels = "+LABEL for each relevant label of pairs or evidence, @N to draw N of the claims; repeatable."
    return click.option("--data", multiple=True, required=required, metavar=PAIRS, help=f"{text}: {kinds}; {labels}")


def _run_options(recipe: Recipe, base_models: str, **texts: str) -> Decorator:
    """Return the options of a training run; the command gets their values as one `TrainingRun` named `run`.

    Each field of the recipe that has a text becomes an option, as do the fields that every recipe has.
    """
    texts |= {
        "seed": "Seed of every random choice.",
        "precision": "auto, bf16, fp16 or fp32.",
        "checkpoint_steps": "Steps between checkpoints.",
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_run(base_model: str | None, no_resume: bool, compute: Compute, **values: Any) -> None:
            from claimhound.pipeline.training.base_models import find_base_model
            from claimhound.pipeline.training.training_run import TrainingRun

            run = TrainingRun(
                output_dir=values.pop("output_dir"),
                recipe=type(recipe)(**{name: values.pop(name) for name in texts}),
                base=find_base_model(base_model),
                compute=compute,
                resume=not no_resume,
            )
            command(run=run, **values)

        return combined(
            path_option("--output", "output_dir", "DIR", "Folder of the trained model.", required=True),
            click.option(
                "--base-model",
                metavar="MODEL",
                help=f"{base_models} to start from.  [default: the bundled encoder]",
            ),
            no_resume_option,
            *(_recipe_option(recipe, name, text) for name, text in texts.items()),
            training_compute_options,
        )(with_run)

    return decorate


def _recipe_option(recipe: Recipe, name: str, text: str) -> Decorator:
    """Return an option for a field of a recipe, with the field's default."""
    default = getattr(recipe, name)
    flag = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        return click.option(flag, is_flag=True, default=default, help=text)
    metavar = "NAME" if isinstance(default, str) else "N"
    return click.option(flag, default=default, show_default=True, metavar=metavar, type=type(default), help=text)


_LEARNING_RATE = "Peak learning rate, reached after a tenth of the steps; it then falls to 0."
_PAIR_LENGTH = "Longest pair in tokens; longer ones are cut."
_DROPOUT = "Dropout in training."
_FREEZE = "Keep the base model's word vectors unchanged."
_PRETRAINING = "The same, for the pairs of --pretrain."

reranker_run_options = _run_options(
    RerankerRecipe(),
    "Encoder or cross-encoder",
    loss="bce learns each pair separately, listwise the order of each claim's passages.",
    epochs="Passes over the pairs.",
    batch_size="Pairs in a step; claims with listwise.",
    mini_batch_size="Pairs computed at a time with listwise.",
    learning_rate=_LEARNING_RATE,
    n_negatives="Hard negatives for each judged pair.",
    first_rank="Best rank of the fused list that a negative may have.",
    pool_k="Worst rank that a negative may have.",
    validation_share="Share of the claims held out to validate and to fit the probability.",
    max_length=_PAIR_LENGTH,
    dropout=_DROPOUT,
    freeze_embeddings=_FREEZE,
    pretraining_learning_rate=_PRETRAINING,
    pretraining_batch_size=_PRETRAINING,
    pretraining_epochs=_PRETRAINING,
    pretraining_dropout=_PRETRAINING,
    pretraining_steps="Step after which pretraining ends early; 0 goes through all of its pairs.",
)
encoder_run_options = _run_options(
    EncoderRecipe(),
    "Bi-encoder",
    epochs="Passes over the relevant passages.",
    batch_size="Claims in a step; each learns against the passages of all.",
    mini_batch_size="Texts computed at a time; below the batch size, gradients are cached.",
    learning_rate=_LEARNING_RATE,
    temperature="Divisor of the cosines: the lower, the more the hardest negatives count.",
    n_negatives="Hard negatives for each relevant passage; 0 uses only the other passages of the batch.",
    max_length="Longest text in tokens during training; longer ones are cut.",
    validation_share="Share of the claims of --data held out, without --validation.",
    dropout=_DROPOUT,
    freeze_embeddings=_FREEZE,
    pretraining_learning_rate=_PRETRAINING,
    pretraining_epochs=_PRETRAINING,
    base_share="The base model's share of each final weight; preserves its quality in other fields.",
)
stance_run_options = _run_options(
    StanceRecipe(),
    "Encoder or cross-encoder",
    epochs="Passes over the pairs.",
    batch_size="Pairs in a step.",
    learning_rate=_LEARNING_RATE,
    validation_share="Share of the claims held out to fit the probabilities.",
    balance="Weight of rarer labels: 0 weighs all pairs equally, 1 gives all labels the same total weight.",
    max_length=_PAIR_LENGTH,
    dropout=_DROPOUT,
    freeze_embeddings=_FREEZE,
)
two_head_run_options = _run_options(
    TwoHeadRecipe(),
    "Encoder or cross-encoder",
    epochs="Passes over the pairs.",
    batch_size="Pairs in a step.",
    learning_rate=_LEARNING_RATE,
    teacher_share="Weight of a teacher's logits where a pair has labels too; the labels have the rest.",
    relevance_weight="Weight of relevance in the loss; stance has 1.",
    validation_share="Share of the claims held out to measure and to fit the probabilities.",
    max_length="Longest pair in tokens that the model reads; longer ones are cut.",
    training_length="The same, during training only.",
    dropout=_DROPOUT,
    freeze_embeddings=_FREEZE,
)
