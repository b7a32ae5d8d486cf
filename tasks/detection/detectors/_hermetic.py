"""The environment that ultralytics must find when it is imported."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import shutil
import sys
import tempfile
from types import ModuleType

_SWITCHES = {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_VERBOSE": "true"}


def engine() -> ModuleType:
    """The module that talks to ultralytics, imported without network, installs or prints.

    Settings of ultralytics live in a private folder that goes with the process, so neither the
    user's settings nor other processes have a say.
    """
    if "ultralytics" not in sys.modules:
        os.environ.update(_SWITCHES)
        config = tempfile.mkdtemp(prefix="ivif-bench-yolo-")
        atexit.register(shutil.rmtree, config, ignore_errors=True)
        os.environ["YOLO_CONFIG_DIR"] = config
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        return importlib.import_module("ivif_bench.tasks.detection.detectors._ultralytics_engine")
