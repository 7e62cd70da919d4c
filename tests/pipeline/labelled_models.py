"""Models with other labels, for tests of how labels are read."""

from __future__ import annotations

import json
import shutil


def with_labels(source, folder, labels):
    """Copy a model and rename its labels."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(number): label for number, label in enumerate(labels)}
    config["label2id"] = {label: number for number, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps(config))
    return folder
