"""Trained detectors as files that can be given away: written from a run, checked before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ivif_bench.contents import misfits
from ivif_bench.data.base import Dataset
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import demand_regular, exists
from ivif_bench.origins import own_version
from ivif_bench.tasks.detection.checkpoint import (
    Header,
    SeenImages,
    content_of,
    read_checkpoint,
    read_header,
    write_checkpoint,
)
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.detection.registry import DETECTORS
from ivif_bench.tasks.network.run import checkpoint_in, training_of
from ivif_bench.types import Unit
from ivif_bench.validation import checked

ENDING = ".safetensors"


def export_trained(unit: Unit, shared: Path, dataset: Dataset, out: Path) -> None:
    """Write the trained detector of a unit as one file that says where it comes from.

    Args:
        unit: of a mode that trains.
        shared: folder of the run with what units share.
        dataset: of the unit.
        out: file to write, atomically.

    Raises:
        UserError: it is not trained yet, the training is damaged, or its detector has checkpoints of
            its own format.
    """
    folder = shared / training_of(unit)
    if not folder.is_dir():
        raise UserError(f"{folder}: {unit.label} is not trained yet; 'run' trains it")
    if damaged := misfits(folder):
        raise UserError(
            f"{folder}: {first_few(damaged)} is missing or differs from what was trained; delete the "
            "folder, and 'run' trains it again"
        )
    protocol = DetectionProtocol.model_validate(unit.payload["protocol"])
    found = read_checkpoint(checkpoint_in(folder), protocol.network)
    layout = str(unit.payload["dataset"]["layout"])
    stems = tuple(sorted(unit.payload["train"]))
    contents = tuple(content_of(pair) for pair in dataset.select(stems))
    own = SeenImages(unit.dataset, layout, stems, contents)
    about = {
        "dataset": unit.dataset,
        "method": unit.method if protocol.mode == "retrain" else protocol.train_on,
        "seed": unit.seed,
        "protocol": unit.protocol,
        "protocol_sha256": unit.about.protocol_sha256,
        "network": unit.about.network,
        "recipe": {
            part: getattr(protocol, part).model_dump(mode="json")
            for part in ("inference", "training")
        },
        "version": own_version(),
    }
    seen = (own, *_seen_before(unit.payload["weights"]))
    write_checkpoint(out, found.state, protocol.network, found.names, seen=seen, about=about)


def verified(path: Path) -> Header:
    """The header of an exported file, after everything in the file was checked against it.

    The network is built and the tensors are put into it; no code of the file is run.

    Raises:
        UserError: not an exported file, an unknown network, or tensors that do not fit it.
    """
    header = read_exported(path)
    if not header.seen:
        raise UserError(
            f"weights {path}: its header has no list of training images; files that "
            "'ivif-bench detector export' wrote have one"
        )
    try:
        network = DETECTORS.load(header.architecture)(header.architecture, _protocol_for(header))
    except UserError as problem:
        raise UserError(f"weights {path}: {problem}") from problem
    network.load(path)
    return header


def read_exported(path: Path) -> Header:
    """The header of a detector file, without its tensors.

    Raises:
        UserError: not a safetensors file of a detector.
    """
    if path.suffix != ENDING:
        try:
            demand_regular(path)
        except OSError as problem:
            raise UserError(f"cannot read weights {path}: {problem.strerror}") from problem
        raise UserError(f"weights {path}: expected a file with the ending {ENDING}")
    header = read_header(path)
    if header is None:
        raise UserError(f"weights {path}: not a detector checkpoint of ivif-bench")
    return header


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse to write a file that is there already, or that could not be replaced.

    Raises:
        UserError: it has another ending, is there and ``force`` is not set, or is no file.
    """
    if path.suffix != ENDING:
        raise UserError(f"{path}: expected a name with the ending {ENDING}")
    if not exists(path):
        return
    if not path.is_file():
        raise UserError(f"{path}: is there already, and is not a file")
    if not force:
        raise UserError(f"{path}: is there already; --force overwrites it")


def _seen_before(weights: str | None) -> tuple[SeenImages, ...]:
    """Images that the initial weights of a training were trained on, as far as that is recorded."""
    path = None if weights is None else Path(weights)
    header = read_header(path) if path is not None and path.suffix == ENDING else None
    return () if header is None else header.seen


def _protocol_for(header: Header) -> DetectionProtocol:
    """A protocol under which a network can be loaded; its inference is that of the training."""
    spec = DETECTORS.get(header.architecture)
    recipe = header.about.get("recipe")
    inference = recipe.get("inference") if isinstance(recipe, dict) else None
    values: dict[str, Any] = {
        "format": 2,
        "name": "imported",
        "layout": header.seen[0].layout,
        "classes": header.names,
        "split": "given",
        "mode": "released",
        "network": spec.name,
        "initial": "user",
        "recipe": {spec.family: {"inference": inference}},
        "seeds": (0,),
        "chroma": "visible",
        "scorer": "coco+yolov5",
    }
    return checked(DetectionProtocol, values, "its header")
