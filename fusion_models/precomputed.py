"""Precomputed: any folder of fused images is a method; nothing is computed."""

from __future__ import annotations

from pathlib import Path

from bench.errors import UserError
from bench.fusion import FinishedImages, MethodSpec

SPECS = (
    MethodSpec(
        name="precomputed",
        entry="fusion_models.precomputed:Precomputed",
        title="Precomputed images",
        paper="the user's own",
        licence="the images keep their owner's terms",
        output="rgb",
        options={"root": "pattern of the files, with {stem} and, if wanted, {dataset}"},
        finished=True,
    ),
)


class Precomputed(FinishedImages):
    """Finished images found by a pattern.

    Args:
        root: such as ``results/SeAFusion/{dataset}/{stem}.png``; ``{dataset}`` is the dataset's
            name in the run. A folder stands for ``folder/{stem}.png``.
    """

    def __init__(self, root: str) -> None:
        self.root = root if "{stem}" in root else f"{root.rstrip('/')}/{{stem}}.png"

    def locate(self, dataset: str, stem: str) -> Path:
        try:
            return Path(self.root.format(dataset=dataset, stem=stem))
        except (KeyError, IndexError, ValueError) as problem:
            raise UserError(
                f"precomputed root {self.root!r}: only {{dataset}} and {{stem}} may stand in braces"
            ) from problem
