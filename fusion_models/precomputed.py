"""Precomputed: any folder of fused images is a method; nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ivif_bench.errors import UserError
from ivif_bench.fusion import MethodSpec, PrecomputedImages

SPECS = (
    MethodSpec(
        name="precomputed",
        entry="Precomputed",
        title="Precomputed images",
        paper="the user's own",
        licence="the images keep their owner's terms",
        output="rgb",
        options={
            "root": "pattern of the files, with {stem} and, if wanted, {dataset}; or one per dataset"
        },
        precomputed=True,
    ),
)


class Precomputed(PrecomputedImages):
    """Precomputed images found by a pattern.

    Args:
        root: such as ``results/SeAFusion/{dataset}/{stem}.png``; ``{dataset}`` is the dataset's
            name in the run. A folder stands for ``folder/{stem}.png``. A mapping from dataset to
            pattern serves images that lie in different places.
    """

    def __init__(self, root: str | Mapping[str, str]) -> None:
        patterns = list(root.values()) if isinstance(root, Mapping) else [root]
        if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
            raise ValueError(f"root must be a pattern, or one pattern per dataset, not {root!r}")
        self.root = root

    def locate(self, dataset: str, stem: str) -> Path:
        pattern = self._pattern(dataset)
        try:
            return Path(pattern.format(dataset=dataset, stem=stem))
        except (KeyError, IndexError, ValueError) as problem:
            raise UserError(
                f"precomputed root {pattern!r}: only {{dataset}} and {{stem}} may stand in braces"
            ) from problem

    def _pattern(self, dataset: str) -> str:
        if isinstance(self.root, str):
            pattern = self.root
        elif dataset in self.root:
            pattern = self.root[dataset]
        else:
            raise UserError(
                f"precomputed images: no root for dataset {dataset!r}; add one, or name the datasets "
                "that the method has under 'datasets'"
            )
        return pattern if "{stem}" in pattern else f"{pattern.rstrip('/')}/{{stem}}.png"
