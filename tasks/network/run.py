"""Execution of one unit: train once per training key, predict and keep, score."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.data.chroma import fused_rgb
from ivif_bench.errors import UserError
from ivif_bench.files import plain, read_json, write_json
from ivif_bench.held import held
from ivif_bench.kept import keeping, read_kept
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.contract import Network
from ivif_bench.tasks.network.curves import described
from ivif_bench.tasks.network.plan import training_name
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.network.samples import Samples, prepared
from ivif_bench.types import DatasetRef, Record, Unit

_TRAINED = "trained.json"  # of a training: its checkpoint, curves and costs; written last


def training_of(unit: Unit) -> str:
    """Name of the folder with the network that a unit is judged by; equal for equal trainings."""
    return training_name(unit.payload["kind"], unit.payload["training_key"])


def prepared_name(unit: Unit) -> str:
    """Name of the folder with the training images that a unit needs; empty if it trains on none."""
    return str(unit.payload.get("prepared", ""))


def train(task: TaskAdapter, unit: Unit, workspace: Workspace) -> None:
    """Train the network that the unit's method is judged by, unless it is there."""
    protocol, dataset = _opened(task, unit)
    _checkpoint(task, unit, protocol, dataset, _network(unit, protocol), workspace)


def predict(
    task: TaskAdapter, unit: Unit, stems: Collection[str], workspace: Workspace
) -> dict[str, Any]:
    """What was kept of predictions, by stem, of all images that are finished when these are.

    Each finished image is kept in the scratch folder at once.
    """
    protocol, dataset = _opened(task, unit)
    files: Mapping[str, str] = unit.payload["test"]
    found = read_kept(workspace.scratch, lambda kept: kept, workspace.origins)
    pairs = dataset.select(tuple(stem for stem in files if stem in stems and stem not in found))
    if not pairs:
        return found

    def load() -> tuple[Network, Any]:
        made = _network(unit, protocol)
        return made, made.load(_checkpoint(task, unit, protocol, dataset, made, workspace))

    network, known = held(_loaded_as(unit, workspace), load)
    task.check_classes(protocol, known)
    done = len(stems) - len(pairs)
    with keeping(workspace.scratch, workspace.origins) as keep:
        for pair in pairs:
            image = fused_rgb(Path(files[pair.stem]), pair, protocol.chroma)
            try:
                prediction = network.predict(image)
            except UserError as problem:
                raise UserError(f"image {pair.stem!r}: {problem}") from problem
            found[pair.stem] = task.keep(protocol, workspace.scratch, pair.stem, prediction)
            keep(pair.stem, found[pair.stem])
            done += 1
            workspace.progress(done, len(stems), "predicting")
    return found


def execute(task: TaskAdapter, unit: Unit, workspace: Workspace) -> list[Record]:
    """Do what is left of one unit of work, and score it.

    Leaves in ``workspace.shared`` the folder of the trained network, for every unit with the same
    training, and what the task wants to keep of predictions.
    """
    stems = tuple(unit.payload["test"])
    if not stems:
        return []
    protocol, dataset = _opened(task, unit)
    kept = predict(task, unit, stems, workspace)
    return task.score(protocol, unit, {stem: kept[stem] for stem in stems}, dataset, workspace)


def _loaded_as(unit: Unit, workspace: Workspace) -> str:
    """What a loaded network depends on."""
    names = ("kind", "protocol", "training_key", "weights", "workers")
    said = [unit.payload.get(name) for name in names]
    return json.dumps([*said, unit.threads, str(workspace.shared)], sort_keys=True, default=plain)


def _opened(task: TaskAdapter, unit: Unit) -> tuple[NetworkProtocol, Dataset]:
    protocol = task.protocol.model_validate(unit.payload["protocol"])
    return protocol, open_ref(DatasetRef(**unit.payload["dataset"]))


def _network(unit: Unit, protocol: NetworkProtocol) -> Network:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    adapter = protocol.registry().load(protocol.network)
    workers = int(unit.payload["workers"])
    network: Network = adapter(protocol.network, protocol, device, unit.threads, workers)
    return network


def _checkpoint(
    task: TaskAdapter,
    unit: Unit,
    protocol: NetworkProtocol,
    dataset: Dataset,
    network: Network,
    workspace: Workspace,
) -> Path:
    """The weights to judge with; trained by whoever needs them first."""
    weights = None if unit.payload["weights"] is None else Path(unit.payload["weights"])
    if not protocol.trained:
        assert weights is not None
        return weights

    def fit(partial: Path) -> None:
        files: Mapping[str, str | None] = unit.payload["train"]
        pairs = dataset.select(tuple(files))
        samples = Samples(task, protocol, dataset, pairs, tuple(files[pair.stem] for pair in pairs))
        if name := prepared_name(unit):
            samples = prepared(samples, name, workspace)
        started = time.monotonic()
        done = network.fit(samples, unit.seed, partial, workspace.log, weights, workspace.progress)
        about = described(partial, time.monotonic() - started, network.device)
        write_json(partial / _TRAINED, {"checkpoint": str(done.relative_to(partial)), **about})

    return checkpoint_in(workspace.once(training_of(unit), fit))


def checkpoint_in(folder: Path) -> Path:
    """The checkpoint in the finished folder of a training, which ``training_of`` names.

    Raises:
        UserError: the folder is damaged.
    """
    try:
        return folder / str(read_json(folder / _TRAINED)["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UserError(
            f"{folder / _TRAINED}: does not name a trained network ({problem}); delete the folder, "
            "and 'run' trains it again"
        ) from problem
