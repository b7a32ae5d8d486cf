"""The Python interface: one triple, or folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.data.images import read_gray
from tasks.quality.engine import measure

if TYPE_CHECKING:
    from tasks.quality.folder import Scores

Image = np.ndarray | Path | str


def evaluate(
    infrared: Image,
    visible: Image,
    fused: Image,
    metrics: Sequence[str] | None = None,
    convention: str = "reference",
) -> dict[str, float]:
    """Fusion quality of one image.

    Args:
        infrared, visible, fused: uint8 [H, W] arrays of one size, or image files (colour is read
            as rounded luma).
        metrics: names in the wanted order; None means the ten.
        convention: ``reference``, ``cddfuse``, ... (``ivif-bench list metrics``).

    Returns:
        Value per metric; NaN where it is undefined.

    Raises:
        UserError: unreadable files, other dtypes, sizes that differ, unknown names.
    """
    values = measure(_read(infrared), _read(visible), _read(fused), metrics, convention)
    return {name: value.value for name, value in values.items()}


def evaluate_folder(
    infrared: Path | str,
    visible: Path | str,
    fused: Path | str | Mapping[str, Path | str],
    metrics: Sequence[str] | None = None,
    convention: str = "reference",
    workers: int = 0,
) -> Scores:
    """Fusion quality of whole folders; see ``tasks.quality.folder.score_folder``.

    Args:
        fused: a folder, or folders by method name.
    """
    from tasks.quality.folder import score_folder

    folders = fused if isinstance(fused, Mapping) else {Path(fused).name: fused}
    return score_folder(
        Path(infrared),
        Path(visible),
        {name: Path(folder) for name, folder in folders.items()},
        metrics,
        convention,
        workers,
    )


def _read(image: Image) -> np.ndarray:
    return image if isinstance(image, np.ndarray) else read_gray(Path(image))
