"""The vectors of an unfinished indexing job, kept on disk so it can resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import IndexWriteError
from claimhound.indexes.durable import Disk
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.indexes.vectors import Vectors

HalfVectors: TypeAlias = NDArray[np.float16]

_DIGEST_BYTES = 32


class EncodedShards:
    """Vectors of shards of documents, in files named by a digest of the encoder and the texts.

    A file is the SHA-256 of its vectors followed by the vectors, row by row in half precision, as in the index.
    """

    def __init__(self, folder: Path, identity: EncoderIdentity, disk: Disk) -> None:
        self._folder = folder
        # Two names of one encoder give the same vectors; two precisions do not.
        self._identity = json.dumps(asdict(identity) | {"name": "", "revision": None}, sort_keys=True)
        self._dim = identity.dim
        self._disk = disk

    def find(self, texts: Sequence[str]) -> HalfVectors | None:
        """Return the (len(texts), dim) vectors, None if they are missing or damaged."""
        path = self._path(texts)
        try:
            vectors = self._open(path, len(texts))
            with path.open("rb") as file:
                intact = file.read(_DIGEST_BYTES) == hashlib.sha256(vectors.tobytes()).digest()
        except (OSError, ValueError):  # missing or truncated
            return None
        return vectors if intact else None

    def keep(self, texts: Sequence[str], vectors: Vectors) -> HalfVectors:
        """Write the vectors and return them as a memory map.

        Raises IndexWriteError if the disk fails.
        """
        data = vectors.astype(np.float16).tobytes()
        path = self._path(texts)
        unfinished = path.with_suffix(".unfinished")
        try:
            self._disk.make_dir(self._folder)
            self._disk.write_bytes(unfinished, hashlib.sha256(data).digest() + data)
            self._disk.rename(unfinished, path)
            return self._open(path, len(texts))
        except OSError as error:
            raise IndexWriteError(
                f"{self._folder}: cannot be written ({error.strerror or error}); the index is unchanged, and the same "
                "command resumes from here once there is room"
            ) from error

    def _open(self, path: Path, n_rows: int) -> HalfVectors:
        if path.stat().st_size != _DIGEST_BYTES + 2 * n_rows * self._dim:
            raise ValueError(f"{path}: does not hold {n_rows} vectors")
        return np.memmap(path, dtype=np.float16, mode="r", offset=_DIGEST_BYTES, shape=(n_rows, self._dim))

    def _path(self, texts: Sequence[str]) -> Path:
        digest = hashlib.sha256(self._identity.encode())
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
        return self._folder / f"{digest.hexdigest()}.f16"
