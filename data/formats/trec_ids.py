"""Ids in files whose columns are separated by white space.

White space in an id is escaped as the hexadecimal code of the character: `Sea ice:3` is written `Sea%{20}ice:3`, a
no-break space `%{a0}`; so are control characters, which would make the file look binary. If an id contains `%{`, that
percent sign is escaped too, as `%{25}`. So every id has one form, all other ids are unchanged, and reading is exact.
The more common `%20` is not used: it occurs in many URLs that serve as ids, and in the files of other programs it would
be read as a space.
"""

from __future__ import annotations

import re

from claimhound.data.errors import InputError

_TO_ESCAPE = re.compile(r"[\s\x00-\x1f\x7f]|%(?=\{)")
_ESCAPED = re.compile(r"%\{([0-9a-f]{1,6})\}")


def escaped_id(record_id: str) -> str:
    """Return the id in the form for TREC files; raises InputError for an empty id, which has none."""
    if not record_id:
        raise InputError("an empty id cannot be written in TREC form")
    return _TO_ESCAPE.sub(lambda match: f"%{{{ord(match[0]):x}}}", record_id)


def unescaped_id(word: str) -> str:
    """Return the id that `escaped_id` wrote as this word; any other word is the id itself."""
    return _ESCAPED.sub(_character, word) if "%{" in word else word


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    found = chr(number) if number <= 0x10FFFF else ""
    return found if found == "%" or _TO_ESCAPE.match(found) else match[0]
