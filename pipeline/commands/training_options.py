"""The options of `train`: data, folders, and one for each setting of a recipe."""

from __future__ import annotations

import click

from claimhound.pipeline.commands.options import Decorator, combined, path_option
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.stance.recipe import StanceRecipe

PAIRS = "KIND:PATH[+LABEL][@N]"

model_output_option = path_option("--output", "output_dir", "DIR", "Folder of the model.", required=True)
cross_encoder_base_option = click.option(
    "--base-model", metavar="MODEL", help="Encoder or cross-encoder to start from.  [default: the bundled encoder]"
)
pretrain_option = click.option(
    "--pretrain", multiple=True, metavar=PAIRS, help="Pairs to learn first, named like those of --data; repeatable."
)
no_resume_option = click.option(
    "--no-resume", is_flag=True, help="Start over instead of going on from the last checkpoint."
)


def data_option(text: str, *, required: bool) -> Decorator:
    """Return `--data` for pairs to learn."""
    kinds = "mined:FILE, pairs:FILE, evidence:FILE, squad:FILE or rationales:DIR"
    labels = "+LABEL for each label that is relevant in pairs or evidence, @N for N of the claims; repeatable."
    return click.option("--data", multiple=True, required=required, metavar=PAIRS, help=f"{text}: {kinds}; {labels}")


def _recipe_options(recipe: object, **texts: str) -> Decorator:
    """Return an option for each field of a recipe that has a text, and for those that every recipe has."""
    texts |= {
        "seed": "Of every draw.",
        "precision": "auto, bf16, fp16 or fp32.",
        "checkpoint_steps": "Steps between checkpoints.",
    }
    return combined(*(_recipe_option(recipe, name, text) for name, text in texts.items()))


def _recipe_option(recipe: object, name: str, text: str) -> Decorator:
    """Return an option for a field of a recipe, whose default is said once, there."""
    default = getattr(recipe, name)
    flag = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        return click.option(flag, is_flag=True, default=default, help=text)
    return click.option(flag, default=default, show_default=True, metavar="N", type=type(default), help=text)


_LEARNING_RATE = "Highest learning rate; it rises over the first tenth and falls to 0."
_PAIR_LENGTH = "Tokens of a pair; longer ones are cut."
_DROPOUT = "Share of the model's values that are dropped in training."
_FREEZE = "Leave the word vectors of the base model as they are."
_PRETRAINING = "The same for the pairs of --pretrain."

reranker_recipe_options = _recipe_options(
    RerankerRecipe(),
    loss="bce learns each pair by itself, listwise the order of each claim's passages.",
    epochs="Times that each pair is seen.",
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
    pretraining_steps="Steps after which pretraining ends early; 0 goes through all of its pairs.",
)
encoder_recipe_options = _recipe_options(
    EncoderRecipe(),
    epochs="Times that each relevant passage is seen.",
    batch_size="Claims in a step; each learns against the passages of all.",
    mini_batch_size="Texts computed at a time; below the batch size, gradients are cached.",
    learning_rate=_LEARNING_RATE,
    temperature="What cosines are divided by: the lower, the more the hardest negatives count.",
    n_negatives="Hard negatives beside each relevant passage; 0 leaves those of the batch.",
    max_length="Tokens of a text in training; longer ones are cut.",
    validation_share="Share of the claims of --data held out, without --validation.",
    dropout=_DROPOUT,
    freeze_embeddings=_FREEZE,
    pretraining_learning_rate=_PRETRAINING,
    pretraining_epochs=_PRETRAINING,
    base_share="Share of the base model in each weight of the result: keeps what it knew of other fields.",
)
stance_recipe_options = _recipe_options(
    StanceRecipe(),
    epochs="Times that each pair is seen.",
    batch_size="Pairs in a step.",
    learning_rate=_LEARNING_RATE,
    validation_share="Share of the claims held out to fit the probabilities.",
    balance="How much the rarer labels weigh: 0 as all others, 1 all labels the same.",
    max_length=_PAIR_LENGTH,
    dropout=_DROPOUT,
    freeze_embeddings=_FREEZE,
)
