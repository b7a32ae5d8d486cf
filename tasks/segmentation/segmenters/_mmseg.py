"""The adapter of mmsegmentation networks: weights in, weights out, predictions."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_bytes, write_json
from ivif_bench.origins import sign
from ivif_bench.registry import suggest
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.segmentation.registry import Segmenter
from ivif_bench.tasks.segmentation.segmenters._mmseg_config import built_model, types_of
from ivif_bench.tasks.segmentation.segmenters._mmseg_views import predicted_classes
from ivif_bench.tasks.segmentation.segmenters.mmseg_networks import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    around,
    network_config,
)
from ivif_bench.tensors import read_tensors
from ivif_bench.types import Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

_CHECKPOINT = "model.safetensors"
# Of segmentation checkpoints, and the classifiers of ImageNet checkpoints (timm, torchvision, mmpretrain).
_HEADS = (
    "decode_head.", "auxiliary_head.", "head.",
    *(f"backbone.{name}." for name in ("head", "fc", "classifier")),
)  # fmt: skip


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
        import_mmseg(log)
        from ivif_bench.tasks.segmentation.segmenters import _mmseg_train

        checkpoint = folder / _CHECKPOINT
        if checkpoint.is_file():  # finished in an earlier attempt that was stopped right after
            return checkpoint
        model = self._initial_model(seed, initial, log)
        _mmseg_train.train(
            model,
            train,
            self.protocol,
            seed,
            folder,
            log,
            progress,
            self.restart_seconds,
            self.workers,
        )
        write_json(
            folder / "model.json",
            {
                "network": self.name,
                "classes": self.protocol.classes,
                "protocol": self.protocol.model_dump(mode="json"),
                "protocol_sha256": self.protocol.sha256,
                "seed": seed,
                "images": len(train),
            },
        )
        sign(folder)
        write_weights(model.state_dict(), checkpoint)
        _mmseg_train.remove_restart(folder)
        return checkpoint

    def check_initial(self, weights: Path | None) -> None:
        import_mmseg()
        self._start_from(self._build(), weights)

    def load(self, checkpoint: Path) -> tuple[str, ...]:
        import_mmseg()
        model = self._build()
        apply_weights(model, read_tensors(checkpoint), str(checkpoint))
        self._model = model.eval().to(self.device)
        return self.protocol.classes  # the file has none; their number is that of its last layer

    def predict(self, image: np.ndarray) -> np.ndarray:
        import torch

        options = self.protocol.inference
        mean, deviation = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)

        def normalised(rgb: np.ndarray) -> Tensor:
            normal = (rgb.astype(np.float32) - mean) / deviation
            return torch.from_numpy(normal.transpose(2, 0, 1)[None]).to(self.device)

        def logits_of(batch: Tensor) -> Tensor:
            found: Tensor = self._model.encode_decode(
                batch, [{"img_shape": tuple(batch.shape[2:])}]
            )
            return found

        with torch.inference_mode(), strict_float32():
            return predicted_classes(image, options, normalised, logits_of)

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
            left_out = apply_weights(model, read_tensors(initial), str(initial), backbone)
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
            return super()._build()
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as problem:
            reason = " ".join(str(problem).split()) or type(problem).__name__
            raise UserError(
                f"mmsegmentation cannot build this configuration: {reason[:300]}"
            ) from problem


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


def apply_weights(
    model: nn.Module, state: Mapping[str, Tensor], where: str, backbone: bool = False
) -> list[str]:
    """Put weights into a model; every name and shape must fit. Half precision becomes float32.

    Args:
        backbone: take the backbone only (names with or without ``backbone.``) and keep the
            model's own heads. Heads and classifiers of the file are left out.

    Returns:
        Names that were left out.

    Raises:
        UserError: names that are missing, left over or of another shape.
    """
    wanted = model.state_dict()
    given = dict(state)
    if backbone:
        wanted = {name: value for name, value in wanted.items() if name.startswith("backbone.")}
        if not any(name.startswith("backbone.") for name in given):
            given = {f"backbone.{name}": value for name, value in given.items()}
    left_out = sorted(name for name in given if backbone and name.startswith(_HEADS))
    for name in left_out:
        del given[name]
    wrong = {
        "lacks": sorted(set(wanted) - set(given)),
        "has unknown": sorted(set(given) - set(wanted)),
        "has other shapes for": sorted(
            f"{name} {tuple(given[name].shape)} instead of {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in given and given[name].shape != value.shape
        ),
    }
    problems = [f"{what} {first_few(names, 3)}" for what, names in wrong.items() if names]
    if problems and not backbone:
        problems.append("for a backbone alone set transfer: backbone (format 1: reinit_head: true)")
    if problems:
        raise UserError(f"weights {where} do not fit the network: it {'; '.join(problems)}")
    model.load_state_dict(
        {name: given[name].to(value.dtype) for name, value in wanted.items()},
        strict=not backbone,
    )
    return left_out


def write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write weights as safetensors; equal weights are equal bytes."""
    from safetensors.torch import save

    plain = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    write_bytes(path, save(plain))
