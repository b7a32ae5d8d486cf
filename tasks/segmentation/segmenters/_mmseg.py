"""The adapter of mmsegmentation networks: weights in, weights out, predictions."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError
from ivif_bench.files import write_json
from ivif_bench.origins import sign
from ivif_bench.registry import suggest
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.segmentation.registry import Segmenter
from ivif_bench.tasks.segmentation.segmenters._mmseg_config import built_model, types_of
from ivif_bench.tasks.segmentation.segmenters._mmseg_statistics import (
    Statistics,
    taken_from,
    without_statistics,
)
from ivif_bench.tasks.segmentation.segmenters._mmseg_views import predicted_by
from ivif_bench.tasks.segmentation.segmenters._mmseg_weights import apply_weights, write_weights
from ivif_bench.tasks.segmentation.segmenters.mmseg_networks import around, network_config
from ivif_bench.tensors import read_tensors
from ivif_bench.types import Progress

_CHECKPOINT = "model.safetensors"


class MmsegSegmenter(Segmenter):
    """A network of mmsegmentation, trained with mmengine's runner. Uses a GPU if there is one."""

    # Seconds between restart points while training; what they cost is bounded, not the result.
    restart_seconds: float = 120.0

    def fit(
        self,
        train: Sequence[Sample],
        seed: int,
        folder: Path,
        log: Path,
        initial: Path | None,
        progress: Progress,
    ) -> Path:
        checkpoint = folder / _CHECKPOINT
        if checkpoint.is_file():  # finished in an earlier attempt that was stopped right after
            return checkpoint
        import_mmseg(log)
        from ivif_bench.tasks.segmentation.segmenters import _mmseg_train

        count = self._processes()
        if count == 1:
            self.train(train, seed, folder, log, initial, progress)
        else:
            progress(0, 1, f"training on {count} GPUs")
            self.launch(train, seed, folder, log, initial, count)
        _mmseg_train.remove_restart(folder)
        return checkpoint

    def train(
        self,
        train: Sequence[Sample],
        seed: int,
        folder: Path,
        log: Path,
        initial: Path | None,
        progress: Progress,
    ) -> None:
        """Train as this process of those that torch's launcher started, or alone.

        The first process leaves the checkpoint.
        """
        import_mmseg(log)
        import torch

        from ivif_bench.processes import join
        from ivif_bench.tasks.segmentation.segmenters import _mmseg_train

        processes = join(torch.device(self.device))
        model = self._initial_model(seed, initial, log)
        statistics = _mmseg_train.train(
            model,
            train,
            self.protocol,
            seed,
            folder,
            log,
            progress,
            self.restart_seconds,
            self._predicted,
            self.workers,
            processes,
        )
        if processes.rank:
            return
        own = self.protocol.inference.normalisation == "training-images"
        about = {
            "network": self.name,
            "classes": self.protocol.classes,
            "protocol": self.protocol.model_dump(mode="json"),
            "protocol_sha256": self.protocol.sha256,
            "seed": seed,
            "images": len(train),
        }
        if processes.count > 1:
            about["processes"] = processes.count
        write_json(folder / "model.json", about)
        sign(folder)
        extra = statistics.tensors() if own else {}
        write_weights({**model.state_dict(), **extra}, folder / _CHECKPOINT)

    def launch(
        self,
        train: Sequence[Sample],
        seed: int,
        folder: Path,
        log: Path,
        initial: Path | None,
        count: int,
    ) -> None:
        """As ``train``, by several processes of torch's launcher, each on its part of every batch."""
        from ivif_bench.processes import in_processes

        in_processes(_one_process, (self, train, seed, folder, log, initial), count, folder)

    def _processes(self) -> int:
        if self.device == "cpu":
            return 1
        import torch

        return max(torch.cuda.device_count(), 1)

    def check_initial(self, weights: Path | None) -> None:
        import_mmseg()
        self._start_from(self._build(), weights)

    def load(self, checkpoint: Path) -> tuple[str, ...]:
        import_mmseg()
        model = self._build()
        own = self.protocol.inference.normalisation == "training-images"
        self._statistics, state = taken_from(read_tensors(checkpoint), str(checkpoint), own)
        apply_weights(model, state, str(checkpoint))
        self._model = model.eval().to(self.device)
        return self.protocol.classes  # the file has none; their number is that of its last layer

    def predict(self, image: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode(), strict_float32():
            return predicted_by(self._model, image, self._statistics, self.protocol.inference)

    def _predicted(self, model: Any, image: np.ndarray, statistics: Statistics) -> np.ndarray:
        """Predict in a training: with one view, so that weights do not depend on other options."""
        import torch

        plain = {"scales": (1.0,), "flip": False, "window": None, "stride": None}
        with torch.no_grad():
            return predicted_by(
                model, image, statistics, self.protocol.inference.model_copy(update=plain)
            )

    def _build(self) -> Any:
        from mmengine.config import ConfigDict
        from mmseg.registry import MODELS

        # Training batches are padded to crops; a network that only predicts never pads.
        training = self.protocol.training
        size = self.protocol.inference.image_size if training is None else training.crop_size
        config = self._config(len(self.protocol.classes), size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hints for authors of configurations
            return MODELS.build(ConfigDict(config))

    def _config(self, classes: int, size: tuple[int, int]) -> dict[str, Any]:
        """The configuration of the network, as ``network_config`` makes it."""
        return network_config(self.name, classes, size)

    def _initial_model(self, seed: int, initial: Path | None, log: Path) -> Any:
        import torch

        torch.manual_seed(seed)
        model = self._build()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.init_weights()
        self._start_from(model, initial, log)
        return model

    def _start_from(self, model: Any, initial: Path | None, log: Path | None = None) -> None:
        if initial is not None:
            backbone = self.protocol.transfer == "backbone"
            state = without_statistics(read_tensors(initial))  # a training takes its own
            left_out = apply_weights(model, state, str(initial), backbone)
            if left_out and log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(f"initial weights {initial}: left out {', '.join(left_out)}\n")


class ConfiguredSegmenter(MmsegSegmenter):
    """A network of mmsegmentation that a user's configuration describes."""

    def _config(self, classes: int, size: tuple[int, int]) -> dict[str, Any]:
        model = self.protocol.inference.model
        known = _registered()
        if unknown := sorted(types_of(model) - known):
            raise UserError(
                f"mmsegmentation has no {unknown[0]!r}, which the configuration names; "
                f"{suggest(unknown[0], sorted(known))}"
            )
        return {**built_model(model, classes), **around(size)}

    def _build(self) -> Any:
        try:
            model = super()._build()
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as problem:
            reason = " ".join(str(problem).split()) or type(problem).__name__
            raise UserError(
                f"mmsegmentation cannot build this configuration: {reason[:300]}"
            ) from problem
        for module in model.modules():  # heads without a loss in the file have one too
            if hasattr(module, "avg_non_ignore"):
                module.avg_non_ignore = True
        return model


def _one_process(
    segmenter: MmsegSegmenter,
    train: Sequence[Sample],
    seed: int,
    folder: Path,
    log: Path,
    initial: Path | None,
) -> None:
    segmenter.train(train, seed, folder, log, initial, lambda *_: None)


def _registered() -> set[str]:
    """Names that a configuration may have as ``type``: of modules, layers, losses, initialisers.

    Without this check mmengine would import whatever a dotted name points to.
    """
    from mmengine.registry import MODELS, TASK_UTILS, WEIGHT_INITIALIZERS
    from mmseg.registry import MODELS as SEGMENTATION
    from mmseg.registry import TASK_UTILS as SAMPLERS

    registries = (MODELS, TASK_UTILS, WEIGHT_INITIALIZERS, SEGMENTATION, SAMPLERS)
    names = {name for each in registries for name in each.module_dict}
    return names.union(
        *(child.module_dict for each in registries for child in each.children.values())
    )


def import_mmseg(log: Path | None = None) -> None:
    """Import mmsegmentation without letting it talk on standard output.

    Raises:
        UserError: it is not installed.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mmengine.logging import MMLogger
            from mmseg.utils import register_all_modules

            register_all_modules(init_default_scope=True)
            # Whatever is logged outside a training goes nowhere instead of to standard output.
            MMLogger.get_instance("mmengine").handlers.clear()
    except ImportError as problem:
        raise UserError(
            f"this segmenter needs mmsegmentation ({problem}); "
            "install it with: pip install 'ivif-bench[segmentation]'"
        ) from problem
    if log is not None and said.getvalue():
        with log.open("a", encoding="utf-8") as file:
            file.write(said.getvalue())


def warm_up() -> None:
    """Import what training and judging need; see ``NetworkSpec.warm``."""
    import_mmseg()
    importlib.import_module("ivif_bench.tasks.segmentation.segmenters._mmseg_train")
    importlib.import_module("torch._dynamo")  # the first optimiser imports it: 0.7 CPU-s
