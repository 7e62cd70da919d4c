"""Which processor this is, as far as it decides what computes fast and how it rounds."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import NamedTuple

_CPUINFO = Path("/proc/cpuinfo")
# Of the many flags those that a library for matrix products chooses its code by.
_DECIDING = re.compile(r"(avx|amx|fma|f16c|sse4|asimd|sve|bf16|i8mm|fphp|neon).*")
# oneDNN, which computes for OpenVINO, takes only instructions up to this one.
_LIMIT = "ONEDNN_MAX_CPU_ISA"


class Processor(NamedTuple):
    """A name for people, and what decides which code runs: instruction sets, and a limit on them if one is set."""

    name: str
    features: tuple[str, ...]


def this_processor() -> Processor:
    """Return the processor of this machine; where the system does not tell its features, they are its name."""
    facts = _facts()
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    features = sorted(flag for flag in flags if _DECIDING.fullmatch(flag)) or [name]
    limit = os.environ.get(_LIMIT)
    return Processor(name, (platform.machine(), *features, *([f"{_LIMIT}={limit}"] if limit else [])))


def _facts() -> dict[str, str]:
    """Return what Linux says of the first processor, empty on other systems."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
