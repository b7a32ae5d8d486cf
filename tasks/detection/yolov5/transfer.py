"""Initial weights of a training, from a published checkpoint or from one of ours.

Source: the fact sheet of YOLOv5 training, part 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.checkpoint import read_checkpoint
from ivif_bench.tasks.detection.yolov5.building import LAST, check_head
from ivif_bench.tasks.detection.yolov5.network import STAND_INS, Model

_ANCHORS = "anchors"


class Weights(NamedTuple):
    """Tensors by name, float32, and the names of the classes."""

    state: Mapping[str, Tensor]
    names: tuple[str, ...]


def read_network(path: Path) -> tuple[Model, tuple[str, ...]]:
    """The network of a published ``.pt`` (v5 to v7), float32, and its class names; no code is run.

    Raises:
        UserError: unreadable, or it names anything but layers of such a network.
    """
    from ivif_bench.tasks.detection.detectors._safe_pickle import pickled_network

    network, names = pickled_network(path, STAND_INS, Model)
    assert isinstance(network, Model)
    if not isinstance(getattr(network, "model", None), nn.Sequential):
        raise UserError(f"weights {path}: not those of an original YOLOv5")
    for module in network.modules():
        if isinstance(module, nn.Upsample):
            module.recompute_scale_factor = None  # files from before torch 1.11 lack it
    check_head(network.state_dict(), len(network.model) - 1, len(names), path)
    return network, names


def read_weights(path: Path, name: str) -> Weights:
    """Weights to start a training of the detector ``name`` from.

    Raises:
        UserError: unreadable, refused, or those of another network.
    """
    if path.suffix == ".safetensors":
        found = read_checkpoint(path, name)
        check_head(found.state, LAST, len(found.names), path)
        return Weights(found.state, found.names)
    network, names = read_network(path)
    return Weights(network.state_dict(), names)


def transfer(
    network: Model,
    weights: Weights,
    classes: tuple[str, ...],
    *,
    whole: bool,
    with_anchors: bool = True,
) -> str:
    """Put initial weights into a network; returns a line for the log.

    Every tensor whose name and shape fit is taken. The head depends on the classes: with other
    classes, or the same ones in another order, it starts anew, anchors excepted.

    Args:
        classes: of the network, in its order.
        whole: refuse weights for other classes.
        with_anchors: take the anchors as well.

    Raises:
        UserError: other classes where they must be the same, or weights of another network.
    """
    state, names = weights
    same = tuple(names) == classes
    if whole and not same:
        raise UserError(
            f"initial weights know {len(names)} classes ({', '.join(names[:6])}...), the protocol "
            f"has {', '.join(classes)}; set 'transfer: backbone' to start the head anew"
        )
    own = network.state_dict()
    head = f"model.{len(network.model) - 1}."
    taken = {
        key: value
        for key, value in state.items()
        if (same or not key.startswith(f"{head}m."))
        and (with_anchors or _ANCHORS not in key)
        and key in own
        and own[key].shape == value.shape
    }
    missing = [key for key in own if key not in taken and not key.startswith(head)]
    foreign = [key for key in state if key not in own]
    if missing or foreign:
        raise UserError(f"initial weights are of another network: {(missing + foreign)[0]} differs")
    network.load_state_dict({**own, **{key: value.float() for key, value in taken.items()}})
    return f"initial weights: {len(taken)} of {len(own)} tensors taken"


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load all weights of a file; any that is missing, left over or of another shape is an error.

    Raises:
        UserError: they do not fit.
    """
    try:
        network.load_state_dict(dict(state), strict=True)
    except RuntimeError as problem:
        lines = str(problem).splitlines()
        raise UserError(f"weights {path}: do not fit: {lines[-1].strip()[:160]}") from problem
