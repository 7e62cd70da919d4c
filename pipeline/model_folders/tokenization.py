"""Tokenization, with a flag for texts that were truncated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.batching import TokenizedText

TOKENIZER_FILE = "tokenizer.json"


class TextLength(NamedTuple):
    """Number of tokens read of a text, with those that a model adds, and whether the text has more."""

    n_tokens: int
    truncated: bool


class TextTokenizer:
    """A model's tokenizer; returns at most `max_length` tokens per text or pair, without padding."""

    def __init__(self, model_dir: Path, max_length: int) -> None:
        """Raise ModelError if the folder has no usable tokenizer.json."""
        path = model_dir / TOKENIZER_FILE
        if not path.is_file():
            raise ModelError(f"{model_dir}: has no {TOKENIZER_FILE}; save the model's fast tokenizer there")
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception for a bad file
            raise ModelError(f"{path}: not a tokenizer ({error})") from error
        # Overrides the file's own settings: MiniLM's pads, and truncates at 128.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length, strategy="longest_first")
        self.max_length = max_length

    def tokenize(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> list[TokenizedText]:
        """Return the tokens of each text or pair; pairs are truncated at the end of the longer text."""
        return [
            TokenizedText(encoding.ids, encoding.type_ids, bool(encoding.overflowing))
            for encoding in self._tokenizer.encode_batch([*texts])
        ]

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that are unknown to the model, see `share_unknown`."""
        return share_unknown(self._tokenizer, text)


def share_unknown(tokenizer: Tokenizer, text: str) -> float:
    """Return the share of the text's tokens that are unknown to a tokenizer, in [0, 1]; 1 if it has no tokens.

    A token for a single foreign letter counts as unknown: MiniLM, an English model, spells out Russian and Korean.
    """
    encoding = tokenizer.encode(text, add_special_tokens=False)
    if not encoding.ids:
        return 1.0
    unknown_id = _unknown_token_id(tokenizer)
    unknown = [
        token == unknown_id or _is_foreign_letter(text[start:end])
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
    ]
    return sum(unknown) / len(unknown)


def _unknown_token_id(tokenizer: Tokenizer) -> int | None:
    for token in ("[UNK]", "<unk>"):
        number = tokenizer.token_to_id(token)
        if number is not None:
            return int(number)
    return None


def _is_foreign_letter(piece: str) -> bool:
    """Return whether a piece is a single letter that is neither ASCII nor Han, where one character can be a word."""
    letters = [char for char in piece if char.isalpha()]
    return len(letters) == 1 and not letters[0].isascii() and not "\u3400" <= letters[0] <= "\u9fff"
