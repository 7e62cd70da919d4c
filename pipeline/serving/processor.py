"""This machine's processor, which decides which precision is fast and how it rounds."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import NamedTuple

_CPUINFO = Path("/proc/cpuinfo")
# The flags by which matrix libraries choose their code.
_DECIDING = re.compile(r"(avx|amx|fma|f16c|sse4|asimd|sve|bf16|i8mm|fphp|neon).*")
# Limits the instruction sets used by oneDNN, and so by OpenVINO.
_LIMIT = "ONEDNN_MAX_CPU_ISA"


class Processor(NamedTuple):
    """A human-readable name, and the features that decide which code runs: instruction sets, and any limit on them."""

    name: str
    features: tuple[str, ...]


def this_processor() -> Processor:
    """Return this machine's processor; if the system does not list its features, the name stands in for them."""
    facts = _facts()
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    features = sorted(flag for flag in flags if _DECIDING.fullmatch(flag)) or [name]
    limit = os.environ.get(_LIMIT)
    return Processor(name, (platform.machine(), *features, *([f"{_LIMIT}={limit}"] if limit else [])))


def _facts() -> dict[str, str]:
    """Return Linux's facts about the first processor, empty on other systems."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
