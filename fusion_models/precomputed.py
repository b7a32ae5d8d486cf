"""Precomputed: a method that reads a folder of fused images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from ivif_bench.data.patterns import filled
from ivif_bench.errors import UserError
from ivif_bench.fusion import MethodSpec, PrecomputedImages
from ivif_bench.options import Options
from ivif_bench.validation import checked


class PrecomputedOptions(Options):
    """The pattern of the image files."""

    root: str | dict[str, str] = Field(
        description="pattern of the files, with {stem} (or {stem:05d} for numbers of five digits) and "
        "optionally {dataset} (the dataset's name in the run); a folder "
        "means folder/{stem}.png; a mapping has one pattern per dataset"
    )

    @field_validator("root", mode="before")
    @classmethod
    def _patterns(cls, root: Any) -> Any:
        patterns = list(root.values()) if isinstance(root, dict) else [root]
        if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
            raise ValueError(f"must be a pattern, or one pattern per dataset, not {root!r}")
        for pattern in patterns:
            try:
                filled(pattern, stem="0")
            except UserError as problem:
                raise ValueError(str(problem)) from problem
        return root


SPECS = (
    MethodSpec(
        name="precomputed",
        entry="Precomputed",
        title="Precomputed images",
        paper="the user's own",
        licence="the images keep their owner's terms",
        output="rgb",
        options=PrecomputedOptions,
        precomputed=True,
    ),
)


class Precomputed(PrecomputedImages):
    """Precomputed images found by a pattern.

    Args:
        **options: see ``PrecomputedOptions``.
    """

    def __init__(self, **options: Any) -> None:
        self.options = checked(PrecomputedOptions, options, "precomputed")

    def locate(self, dataset: str, stem: str) -> Path:
        return Path(filled(self._pattern(dataset), stem, dataset))

    def _pattern(self, dataset: str) -> str:
        root = self.options.root
        if isinstance(root, str):
            pattern = root
        elif dataset in root:
            pattern = root[dataset]
        else:
            raise UserError(
                f"precomputed images: no root for dataset {dataset!r}; add one, or name the datasets "
                "that the method has under 'datasets'"
            )
        return pattern if "{stem" in pattern else f"{pattern.rstrip('/')}/{{stem}}.png"
