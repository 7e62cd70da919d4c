"""Nonsense claims, which no corpus has evidence on, to learn how near documents are by chance."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
# Concrete and unrelated: combined they mean nothing.
_ADJECTIVES = (
    "purple silent wooden angry invisible lazy crispy frozen polite square hollow sleepy velvet nervous".split()  # noqa: SIM905
)
_NOUNS = (
    "bishop lamp trumpet teapot accordion violin penguin umbrella sandwich cathedral spoon wizard pillow bicycle "  # noqa: SIM905
    "carpet sofa drawer sailor button".split()
)
_VERBS = ("sings to", "marries", "eats", "argues with", "paints", "tickles", "borrows", "whispers at", "juggles")
_NUMBERS = ("seven", "nine", "seventeen", "forty", "three hundred")
_SYLLABLES = "vel kor dra nth quen low mir zab tho ska fri plo gwe bur nix har yol".split()  # noqa: SIM905
_ABOUT_NAMES = (
    "{} {} married the mayor of {} in {year}.",
    "{} is the capital of {}.",
    "The novel {} was written by {} {} in {year}.",
    "{} {} scored twice against {} United in {year}.",
    "{} {} played the drums for the band {}.",
)


def nonsense_claims(claims: Sequence[str], passages: Sequence[str], n: int, seed: int) -> list[str]:
    """Return n nonsense claims, of four kinds in turn; the same arguments give the same ones.

    The kinds are random words of the passages; the claims with the letters of each word shuffled; sentences about
    invented names; and grammatical sentences without meaning. The first two are left out if the passages or the claims
    contain no word.
    """
    words = [word for passage in passages for word in _WORD.findall(passage)]
    spelled = [claim for claim in claims if _WORD.search(claim)]
    generator = random.Random(seed)
    kinds = [lambda: _about_names(generator), lambda: _sentence(generator)]
    if words:
        kinds.append(lambda: " ".join(generator.choices(words, k=generator.randint(6, 14))))
    if spelled:
        kinds.append(lambda: " ".join(_shuffled(word, generator) for word in generator.choice(spelled).split()))
    return [kinds[number % len(kinds)]() for number in range(n)]


def _shuffled(word: str, generator: random.Random) -> str:
    return "".join(generator.sample(word, len(word)))


def _about_names(generator: random.Random) -> str:
    text = generator.choice(_ABOUT_NAMES)
    names = ["".join(generator.choices(_SYLLABLES, k=generator.randint(2, 3))).capitalize() for _ in range(3)]
    return text.format(*names, year=generator.randint(1500, 2020))


def _sentence(generator: random.Random) -> str:
    adjectives, nouns = generator.sample(_ADJECTIVES, 2), generator.sample(_NOUNS, 2)
    return (
        f"The {adjectives[0]} {nouns[0]} {generator.choice(_VERBS)} {generator.choice(_NUMBERS)} "
        f"{adjectives[1]} {nouns[1]}s."
    )
