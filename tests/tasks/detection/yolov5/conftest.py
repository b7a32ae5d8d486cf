"""Numbers recorded from the original YOLOv5 v7.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


class Recorded:
    """Files of ``../shared/golden/yolov5``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.readme = json.loads((folder / "README.json").read_text())

    def about(self, name: str) -> dict[str, Any]:
        """What the README says of a file."""
        return self.readme["files"][name]

    def arrays(self, name: str) -> Any:
        """An archive of arrays; imported here, as this file is read where numpy is not needed."""
        import numpy as np

        return np.load(self.folder / name)

    def json(self, name: str) -> Any:
        """A JSON file."""
        return json.loads((self.folder / name).read_text())


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Recorded:
    return Recorded(shared / "golden/yolov5")
