"""What can be wrong with a section, found before anything is computed."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split, resolve_split
from ivif_bench.errors import UserError
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.contract import Network
from ivif_bench.tasks.network.protocol import GIVEN, NetworkProtocol
from ivif_bench.tasks.network.weights import weights_file
from ivif_bench.types import DatasetRef


def split_of(protocol: NetworkProtocol, dataset: Dataset) -> Split:
    """The split that a protocol, with its section's overrides, names.

    Raises:
        UserError: it names none, or one that does not fit the dataset.
    """
    if protocol.split == GIVEN:
        raise UserError(
            f"protocol {protocol.name!r} has no split of its own; add to its section on dataset "
            f"{dataset.name!r}: split: {{train: FILE, test: FILE}}"
        )
    return resolve_split(dataset, protocol.split)


def check(
    task: TaskAdapter,
    protocol: NetworkProtocol,
    dataset: Dataset,
    ref: DatasetRef,
    split: Split,
    weights: Path | None,
) -> None:
    """Check that dataset, split, network and weights fit the protocol; loads no network library.

    Args:
        weights: the section's own weights file.

    Raises:
        UserError: the first thing that does not fit.
    """
    where = f"protocol {protocol.name!r}"
    if ref.layout != protocol.layout:
        raise UserError(
            f"{where} is for layout {protocol.layout!r}, dataset {dataset.name!r} has {ref.layout!r}; "
            f"copy the protocol to a file with layout: {ref.layout} and the classes of the dataset, and "
            "give its path as 'protocol'"
        )
    spec = protocol.registry().get(protocol.network)
    if protocol.mode not in spec.modes:
        raise UserError(
            f"{where}: {spec.name!r} cannot be used in mode {protocol.mode!r}, only "
            f"{', '.join(spec.modes)}"
        )
    for part in ("train", "test") if protocol.trained else ("test",):
        if not split.parts.get(part):
            raise UserError(
                f"split {split.name!r} of dataset {dataset.name!r} has no {part} images, which "
                f"{where} needs; give a split with both parts"
            )
    pairs = dataset.select(split.test + (split.train if protocol.trained else ()))
    task.check_truth(protocol, dataset, pairs)
    if path := weights_file(protocol, weights):
        task.check_weights(path, ref.layout, dataset.select(split.test))


def load_network(task: TaskAdapter, protocol: NetworkProtocol, weights: Path | None) -> None:
    """Load network and weights as a unit would, without training; imports the network library.

    Raises:
        UserError: the network cannot be loaded, or the weights are not what it needs.
    """
    network: Network = protocol.registry().load(protocol.network)(protocol.network, protocol)
    path = weights_file(protocol, weights)
    if protocol.trained:
        network.check_initial(path)
    elif path is not None:
        task.check_classes(protocol, network.load(path))
