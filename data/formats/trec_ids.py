"""Ids in files whose columns are parted by white space.

White space in an id is written as the number of its character, in hexadecimal digits: `Sea ice:3` is `Sea%{20}ice:3`, a
no-break space is `%{a0}`. Only where an id itself holds `%{` is that percent sign written so too, as `%{25}`. So every
id has one form, all other ids stand as they are, and reading is exact. The plainer `%20` is not used: it is part of
many addresses that serve as ids, and would be read as a blank in the files of other programs.
"""

from __future__ import annotations

import re

from claimhound.data.errors import InputError

_TO_ESCAPE = re.compile(r"\s|%(?=\{)")
_ESCAPED = re.compile(r"%\{([0-9a-f]{1,6})\}")


def escaped_id(record_id: str) -> str:
    """Return the id as it can stand in a TREC file; raises InputError for an empty one, which cannot."""
    if not record_id:
        raise InputError("the id '' cannot be written in TREC form: it is empty")
    if "%{" not in record_id and record_id.split() == [record_id]:
        return record_id
    return _TO_ESCAPE.sub(lambda match: f"%{{{ord(match[0]):x}}}", record_id)


def unescaped_id(word: str) -> str:
    """Return the id that `escaped_id` wrote as this word; a word that it never writes is the id itself."""
    return _ESCAPED.sub(_character, word) if "%{" in word else word


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    found = chr(number) if number <= 0x10FFFF else ""
    return found if found == "%" or found.isspace() else match[0]
