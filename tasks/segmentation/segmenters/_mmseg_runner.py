"""mmengine's runner without output, and what it leaves behind put in order.

Imported only after ``import_mmseg``.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner


class _NoVisualizer:
    """In place of mmengine's, which imports matplotlib (two seconds) to draw nothing."""

    dataset_meta: Any = None

    def add_config(self, *_: Any, **__: Any) -> None: ...

    def add_scalars(self, *_: Any, **__: Any) -> None: ...

    def close(self) -> None: ...


class _Unprinted(Config):  # type: ignore[misc]
    """An empty configuration that is not printed: for that, mmengine imports yapf (0.2 s), which
    writes into the user's cache."""

    pretty_text = ""


class SilentRunner(Runner):  # type: ignore[misc]
    """mmengine's runner, with messages to one file and with weights that are already there."""

    def __init__(self, log_file: Path, **config: Any) -> None:
        self._messages = log_file
        super().__init__(**config)

    def build_logger(self, log_level: str = "INFO", **_: Any) -> MMLogger:
        logger = MMLogger.get_instance(
            self.experiment_name, log_file=str(self._messages), log_level=log_level, file_mode="a"
        )
        logger.handlers[:] = [
            each for each in logger.handlers if isinstance(each, logging.FileHandler)
        ]
        return logger

    def build_visualizer(self, visualizer: Any = None) -> _NoVisualizer:
        return _NoVisualizer()

    def _init_model_weights(self) -> None:
        """Nothing: initial weights were set before training."""

    def dump_config(self) -> None:
        """Nothing: the configuration is the protocol."""
        self.cfg = _Unprinted()

    def _log_env(self, env_cfg: Any) -> None:
        """Nothing: results carry their own provenance, and asking compilers takes a second."""


@contextlib.contextmanager
def silent(log: Path) -> Iterator[None]:
    """Send what mmengine prints to the log file, and forget its loggers afterwards."""
    before = set(MMLogger._instance_dict)
    with (
        log.open("a", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for name in set(MMLogger._instance_dict) - before:
                for handler in MMLogger._instance_dict.pop(name).handlers:
                    handler.close()


@contextlib.contextmanager
def same_threads() -> Iterator[None]:
    """OpenCV keeps its number of threads, which mmengine sets to one."""
    threads = cv2.getNumThreads()
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
