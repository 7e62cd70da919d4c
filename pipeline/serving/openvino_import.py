"""OpenVINO without telemetry.

On import it writes an identifier to the user's home directory, and its converter sends usage reports with it over the
network. It does neither if it believes it runs in a CI service.
"""

from __future__ import annotations

import os
from types import ModuleType

_SILENCING = "CI"


def import_openvino() -> ModuleType:
    """Return the module `openvino`, imported with telemetry disabled for the life of the process."""
    before = os.environ.get(_SILENCING)
    os.environ[_SILENCING] = "true"
    try:
        import openvino
    finally:
        if before is None:
            del os.environ[_SILENCING]
        else:
            os.environ[_SILENCING] = before
    module: ModuleType = openvino
    return module
