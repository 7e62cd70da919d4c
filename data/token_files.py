"""The token that a server's requests carry, in a file: on a command line other users of the machine could read it."""

from __future__ import annotations

from pathlib import Path

from claimhound.data.errors import InputError

_SHORTEST_TOKEN = 16


def read_token(path: Path) -> str:
    """Return the token of a file.

    Raises InputError if the file cannot be read, or the token is short or contains white space.
    """
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: a token consists of ASCII characters") from error
    if len(token) < _SHORTEST_TOKEN or any(character.isspace() for character in token):
        raise InputError(f"{path}: a token is one word of at least {_SHORTEST_TOKEN} characters")
    return token
