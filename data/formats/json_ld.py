"""Values of JSON-LD and schema.org: texts, names, links and types."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

Fields: TypeAlias = dict[str, Any]


def link_of(fields: Fields) -> str | None:
    """Return the first URL of a record."""
    for name in ("url", "@id", "mainEntityOfPage", "link"):
        for value in as_list(fields.get(name)):
            link = text_of(value.get("@id") or value.get("url")) if isinstance(value, dict) else text_of(value)
            if link is not None and not link.startswith(("_:", "#")):
                return link
    return None


def name_of(value: Any) -> str | None:
    """Return the name of a person or an organisation, or several names."""
    names = [
        text_of(item.get("name") or item.get("legalName")) if isinstance(item, dict) else text_of(item)
        for item in as_list(value)
    ]
    return ", ".join(dict.fromkeys(name for name in names if name)) or None


def text_of(value: Any) -> str | None:
    """Return a text that is not blank, also from a JSON-LD value with a language; the first of several."""
    if isinstance(value, list):
        return next((text for item in value if (text := text_of(item)) is not None), None)
    if isinstance(value, dict):
        value = value.get("@value")
    return value.strip() or None if isinstance(value, str) else None


_ENDED = re.compile(r"[.!?…。！？:;][\"'”’»)\]]*$")


def joined_text(value: Any) -> str | None:
    """Return texts joined by spaces; after one without a full stop, such as a heading, there is a blank line."""
    if not isinstance(value, list):
        return text_of(value)
    texts = [text for item in value if (text := text_of(item)) is not None]
    return (
        "".join(
            text if last is None else f" {text}" if _ENDED.search(last) else f"\n\n{text}"
            for last, text in zip([None, *texts], texts, strict=False)
        )
        or None
    )


def types_of(fields: Fields) -> list[str]:
    """Return the schema.org types of a record, without their namespace."""
    found = (name for name in as_list(fields.get("@type")) if isinstance(name, str))
    return [re.split("[/:#]", name)[-1] for name in found]


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, a single value as a list, and an empty list for null."""
    return value if isinstance(value, list) else [] if value is None else [value]


def without(fields: Fields, name: str) -> Fields:
    """Return the fields except one."""
    return {key: value for key, value in fields.items() if key != name}
