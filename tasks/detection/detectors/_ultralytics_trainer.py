"""ultralytics' trainer: resumable bit for bit, without validation, pickles and automatic repairs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.models.rtdetr.train import RTDETRTrainer
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import LOGGER

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.detectors._ultralytics_data import (
    Order,
    TrainingImages,
    TrainingLoader,
    loading_processes,
)
from ivif_bench.tasks.detection.detectors._ultralytics_recipe import UltralyticsSchedule
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.curves import Curves
from ivif_bench.tasks.network.training_state import (
    STATE,
    peak_memory_mb,
    read_state,
    write_state,
)
from ivif_bench.types import Progress

# What depends on the classes in a head of ultralytics: of a YOLO the first convolution of the class
# branch and all behind it, of RT-DETR its linear layers for scores and the names that it denoises.
_CLASS_BRANCHES = (
    ".cv3.",
    ".one2one_cv3.",
    ".denoising_class_embed.",
    ".enc_score_head.",
    ".dec_score_head.",
)

Weights = tuple[Mapping[str, Tensor], tuple[str, ...]]


@dataclass(frozen=True)
class Place:
    """Where a training is kept.

    Attributes:
        folder: takes its state and its curves.
        identity: what must be equal for it to be resumed.
    """

    folder: Path
    identity: Mapping[str, Any]


def recipe_of(protocol: DetectionProtocol) -> UltralyticsSchedule:
    """The training options of a protocol for a network of ultralytics."""
    assert isinstance(protocol.training, UltralyticsSchedule)
    return protocol.training


def transfer(network: nn.Module, weights: Weights, protocol: DetectionProtocol) -> str:
    """Put initial weights into a network that is about to be trained; returns a line for the log.

    Class scores keep their meaning only if the classes are the same, in the same order. Where they
    are not, ``transfer: backbone`` starts the class branch of the head from random weights.

    Raises:
        UserError: other classes under ``transfer: full``, or tensors that do not fit.
    """
    state, names = weights
    own = network.state_dict()
    same_classes = tuple(names) == protocol.classes
    if not same_classes and protocol.transfer == "full":
        raise UserError(
            f"initial weights know {len(names)} classes ({', '.join(names[:6])}...), the protocol "
            f"has {', '.join(protocol.classes)}; set 'transfer: backbone' to start their scores anew"
        )
    last = len(network.model) - 1  # type: ignore[arg-type]
    of_classes = tuple(f"model.{last}{branch}" for branch in _CLASS_BRANCHES)
    taken = {
        key: value for key, value in state.items() if same_classes or not key.startswith(of_classes)
    }
    wrong = [key for key, value in taken.items() if key not in own or own[key].shape != value.shape]
    left_out = [key for key in own if key not in taken]
    if wrong or any(not key.startswith(of_classes) for key in left_out):
        raise UserError(f"initial weights are of another network: {(wrong + left_out)[0]} differs")
    network.load_state_dict({**own, **taken})
    return f"initial weights: {len(taken)} of {len(own)} tensors taken, {len(left_out)} random"


class Trainer(DetectionTrainer):  # type: ignore[misc]
    """ultralytics' trainer without validation, pickled checkpoints and automatic repairs."""

    def __init__(
        self,
        overrides: dict[str, Any],
        protocol: DetectionProtocol,
        weights: Weights | None,
        place: Place,
        threads: int,
        progress: Progress,
    ) -> None:
        self._protocol = protocol
        self._threads = threads
        self._weights = weights
        self._place = place
        self._curves = Curves(place.folder)
        self._progress = progress
        self._gradients: dict[str, Tensor] = {}  # of a restart, until the first batch
        self._accumulate = 1
        self._in_batch = False
        self._batch = self._stepped = -1  # batches over all epochs; the last one with a step
        super().__init__(overrides=overrides)
        for event in ("train_epoch_start", "train_batch_start", "train_batch_end", "fit_epoch_end"):
            self.add_callback(f"on_{event}", getattr(type(self), f"_{event}"))

    def train(self) -> None:
        try:
            super().train()
        finally:
            loader = getattr(self, "train_loader", None)
            if loader is not None:
                loader.close()  # not left to the collector: then each of its processes costs 5 s

    def get_dataset(self) -> dict[str, Any]:
        """What our own data file says, which needs no finding, no download and no repair.

        ultralytics' way of reading it also wants the font of plots that are never drawn: it lists
        the machine's fonts into matplotlib's cache in the home folder and, where Arial is not
        among them, looks up a host at every training, whatever ``YOLO_OFFLINE`` says.
        """
        data: dict[str, Any] = json.loads(Path(self.args.data).read_text(encoding="utf-8"))
        root = Path(data["path"])
        names = {int(number): str(name) for number, name in data["names"].items()}
        parts = {part: str(root / data[part]) for part in ("train", "val")}
        return {**data, **parts, "path": root, "names": names, "nc": len(names), "channels": 3}

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> nn.Module:
        network: nn.Module = super().get_model(cfg=cfg, weights=None, verbose=False)
        if self._weights is not None:
            LOGGER.info(transfer(network, self._weights, self._protocol))
        torch.set_num_threads(self._threads)
        return network

    def get_dataloader(
        self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train"
    ) -> Any:
        if mode != "train":  # made by ultralytics, and never used
            return super().get_dataloader(dataset_path, batch_size, rank, mode)
        recipe, on_cpu = recipe_of(self._protocol), self.device.type == "cpu"
        dataset = self.build_dataset(dataset_path, mode, batch_size)
        batch_bytes = 3 * batch_size * int(self.args.imgsz) ** 2
        batches = -(-len(dataset) // batch_size)
        workers = loading_processes(recipe.workers, batches, batch_bytes, on_cpu)
        plain_from = recipe.epochs - recipe.augmentation.close_mosaic
        images = TrainingImages(dataset, self.args, self.args.seed, plain_from, workers)
        order = Order(len(images), self.args.seed)
        return TrainingLoader(images, order, batch_size, workers, pin=not on_cpu)

    def _close_dataloader_mosaic(self) -> None:
        """Nothing: ``TrainingImages`` has a look at the epoch."""

    @property
    def accumulate(self) -> int:
        """Batches per step; within a batch 1, so that ultralytics always calls ``optimizer_step``.

        It counts batches since the last step in a local variable, which a restart cannot set.
        """
        return 1 if self._in_batch else self._accumulate

    @accumulate.setter
    def accumulate(self, value: int) -> None:
        self._accumulate = value

    def optimizer_step(self) -> None:
        """Called after every batch: the step, if it is due."""
        if self._batch - self._stepped >= self._accumulate:
            super().optimizer_step()
            self._stepped = self._batch

    def resume_training(self, ckpt: Any) -> None:
        """Go on from the state in the folder, if there is one."""
        found = read_state(self._place.folder, self._place.identity)
        if found is not None:
            try:
                self._restore(found)
            except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as problem:
                raise UserError(
                    f"{self._place.folder / STATE}: not a state of this network "
                    f"({type(problem).__name__}); delete it to start this training again"
                ) from problem
            LOGGER.info(f"resumed after {self.start_epoch} of {self.epochs} epochs")
        self._curves.keep(self.start_epoch)

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["weights"])
        self.ema.ema.load_state_dict(state["average"])
        self.ema.updates = int(state["updates"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._gradients = dict(state["gradients"])
        self._stepped = int(state["stepped"])
        self.start_epoch = int(state["epochs"])
        if not 0 < self.start_epoch < self.epochs:
            raise ValueError(f"{self.start_epoch} of {self.epochs} epochs")

    def _train_epoch_start(self) -> None:
        self._started = time.monotonic()
        self._batch = self.epoch * len(self.train_loader) - 1
        self.train_loader.sampler.epoch = self.epoch

    def _train_batch_start(self) -> None:
        self._batch += 1
        self._in_batch = True
        for name, parameter in self.model.named_parameters() if self._gradients else ():
            if name in self._gradients:
                parameter.grad = self._gradients[name].to(parameter.device)
        self._gradients = {}

    def _train_batch_end(self) -> None:
        self._in_batch = False

    def _fit_epoch_end(self) -> None:
        done = self.epoch + 1
        losses = {name: float(value) for name, value in self.tloss.items()}
        rates = {"lr": float(self.optimizer.param_groups[0]["lr"])}
        costs = {
            "seconds": round(time.monotonic() - self._started, 3),
            "memory_mb": round(peak_memory_mb(self.device), 1),
        }
        self._curves.append(done, losses | rates | costs)
        if done < self.epochs:  # after the last one, the weights are about to be written
            gradients = {
                name: each.grad
                for name, each in self.model.named_parameters()
                if each.grad is not None
            }
            state = {
                "epochs": done,
                "weights": self.model.state_dict(),
                "average": self.ema.ema.state_dict(),
                "updates": self.ema.updates,
                "optimizer": self.optimizer.state_dict(),
                "gradients": gradients,  # of batches since the last step, which epochs may share
                "stepped": self._stepped,
            }
            write_state(self._place.folder, state, self._place.identity)
        self._progress(done, self.epochs, "training")

    def _build_train_pipeline(self) -> None:
        """Fail where ultralytics would go on with half the batch, which is another recipe."""
        batch = recipe_of(self._protocol).batch
        if self.batch_size != batch:
            raise UserError(
                f"not enough GPU memory for batch {batch} of protocol "
                f"{self._protocol.name}; use a larger GPU or a protocol with a smaller batch"
            )
        super()._build_train_pipeline()

    def validate(self) -> tuple[dict[str, float], None]:
        """Nothing is selected, so nothing is validated (ultralytics would in the last epoch)."""
        return {}, None

    def save_model(self) -> bool:
        """No pickles: the weights of the last epoch are taken from memory."""
        return False

    def final_eval(self) -> None:
        pass

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """Fail instead of going on from an earlier epoch, which would be another recipe."""
        if self.loss is not None and not torch.isfinite(self.loss):
            raise RuntimeError(f"the loss is not finite in epoch {epoch + 1}")
        return False


class RtdetrTrainer(Trainer, RTDETRTrainer):  # type: ignore[misc]
    """The same for RT-DETR, with its own network, loss and stretched images."""
