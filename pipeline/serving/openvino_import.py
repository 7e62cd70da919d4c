"""OpenVINO without its reports of use.

When it is imported it writes an identifier into the user's home directory, and its converter sends what it was asked to
do with it over the network. It does neither where it believes that it runs in a test service.
"""

from __future__ import annotations

import os
from types import ModuleType

_SILENCING = "CI"


def import_openvino() -> ModuleType:
    """Return the module `openvino`, imported with its reports turned off for as long as the process lives."""
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
