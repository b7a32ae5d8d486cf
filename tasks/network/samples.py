"""Training images with their targets, prepared once for all trainings that see the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.data.chroma import fused_rgb, source_rgb
from ivif_bench.data.images import encode_png, read_rgb
from ivif_bench.files import write_bytes
from ivif_bench.origins import sign
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.types import Pair

_COMPRESSION = 1  # they are read more often than they are kept


@dataclass(frozen=True)
class Samples(Sequence[Sample]):
    """Training images with their targets, read when they are indexed.

    Attributes:
        files: the fused file of each pair; None to see the source that the protocol trains on.
        folder: holds the images as the network sees them, if they are prepared.
    """

    task: TaskAdapter
    protocol: NetworkProtocol
    dataset: Dataset
    pairs: tuple[Pair, ...]
    files: tuple[str | None, ...]
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        pair = self.pairs[index]
        path = None if self.folder is None else _path(self.folder, pair)
        image = self.image(index) if path is None else read_rgb(path)
        target = self.task.target(self.protocol, self.dataset, pair, image)
        return Sample(pair.stem, image, target, path)

    def image(self, index: int) -> np.ndarray:
        """An image in the protocol's colour, made of its files: RGB uint8 [H, W, 3]."""
        pair, file, protocol = self.pairs[index], self.files[index], self.protocol
        if file is None:
            return source_rgb(pair, str(protocol.train_on), protocol.chroma)
        return fused_rgb(Path(file), pair, protocol.chroma)


def prepared(samples: Samples, name: str, workspace: Workspace) -> Samples:
    """The same samples, with their images in a folder that all trainings of that name share.

    The images are written by whoever needs them first, as PNGs in the protocol's colour. What a
    killed process has written is used by the next one.
    """

    def write(partial: Path) -> None:
        sign(partial)
        for index, pair in enumerate(samples.pairs):
            path = _path(partial, pair)
            if not path.is_file():
                write_bytes(path, encode_png(samples.image(index), compression=_COMPRESSION))
            workspace.progress(index + 1, len(samples), "preparing images")

    return replace(samples, folder=workspace.once(name, write))


def _path(folder: Path, pair: Pair) -> Path:
    return folder / f"{pair.stem}.png"
