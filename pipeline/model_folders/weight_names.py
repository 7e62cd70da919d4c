"""Names and shapes of the tensors in weight files, read without torch and without running any of their code."""

from __future__ import annotations

import json
import pickletools
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

from claimhound.data.errors import ModelError

Shapes: TypeAlias = dict[str, tuple[int, ...] | None]
"""Tensor names to shapes; None if the file gives only the names."""

_LONGEST_HEADER = 100_000_000  # the limit of the format's own library
# Pickles in a file from torch before 1.6: magic number, version, system, and the tensors.
_OLD_PICKLES = 4
_PLAIN = {
    "collections": {"OrderedDict"},
    "torch._utils": {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"},
    "torch.nn.parameter": {"Parameter"},
    "torch.storage": {"UntypedStorage", "TypedStorage"},
    "torch.serialization": {"_get_layout"},
    "torch": {"Size", "device", "float32", "float16", "bfloat16", "int64"},
}


def tensor_shapes(files: Iterable[Path]) -> Shapes:
    """Return the tensors in safetensors and torch files.

    Raises ModelError naming the file if it is neither, or is a pickle that holds more than tensors.
    """
    found: Shapes = {}
    for path in files:
        try:
            if path.suffix == ".safetensors":
                found |= _safetensors(path)
            else:
                found |= dict.fromkeys(_pickled_names(path))
        except (ValueError, OSError, struct.error, zipfile.BadZipFile, EOFError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: not a weight file, or damaged ({error})") from error
    return found


def _safetensors(path: Path) -> Shapes:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        if size > _LONGEST_HEADER:
            raise ValueError(f"its header claims {size} bytes")
        header = json.loads(file.read(size))
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}


def _pickled_names(path: Path) -> Iterator[str]:
    """Yield all strings in a pickle, including the tensors' names."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
            with archive.open(name) as file:
                yield from _strings(file, path)
        return
    with path.open("rb") as file:
        for _ in range(_OLD_PICKLES):
            yield from _strings(file, path)


def _strings(file: IO[bytes], path: Path) -> Iterator[str]:
    """Yield the strings in a pickle; raise ModelError if it calls anything that does not make tensors."""
    memo: dict[int, str] = {}
    strings: list[str] = []  # in the order they are pushed on the stack
    is_last_a_string = False
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in {"GLOBAL", "INST"}:
            _require_plain(*str(argument).split(" ", 1), path=path)
        elif opcode.name == "STACK_GLOBAL":
            _require_plain(*(strings[-2:] if len(strings) > 1 else ("?", "?")), path=path)
        elif opcode.name in {"BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"}:
            number = len(memo) if argument is None else int(str(argument))
            memo[number] = strings[-1] if is_last_a_string else ""
            continue
        elif opcode.name in {"BINGET", "LONG_BINGET", "GET"} and memo.get(int(str(argument))):
            strings.append(memo[int(str(argument))])
        is_last_a_string = "UNICODE" in opcode.name
        if is_last_a_string:
            strings.append(str(argument))
            yield str(argument)


def _require_plain(module: str, name: str, *, path: Path) -> None:
    if name in _PLAIN.get(module, ()) or (module == "torch" and name.endswith("Storage")):
        return
    raise ModelError(f"{path}: holds more than weights ({module}.{name}), so it was neither run nor read")
