"""Templates of HTML pages, in which text is escaped and cannot hide or reorder other text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from claimhound.data.text.terminal_text import printable

if TYPE_CHECKING:
    from jinja2 import Template


def page_template(package: str, name: str, filters: Mapping[str, Callable[..., Any]]) -> Template:
    """Return a package's template file, with these filters in addition to `count` and `of_claims`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "of_claims": lambda n: f"{n:,} claim{'' if n == 1 else 's'}",
        **filters,
    }
    return environment.from_string(resources.files(package).joinpath(name).read_text(encoding="utf-8"))


def _harmless(value: Any) -> Any:
    """Return text without characters that hide or reorder others, or that UTF-8 cannot encode."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
