"""The contract of a training: its metadata and how it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivif_bench.errors import UserError
from ivif_bench.options import NoOptions, Options, demand_options
from ivif_bench.registry import Registry, suggest
from ivif_bench.types import Progress
from ivif_bench.validation import checked


@dataclass(frozen=True, slots=True)
class Preset:
    """A named recipe of a training.

    Attributes:
        summary: one line of text.
        settings: what it sets; everything else is the default of the training's options.
        refused: for a name that is known but not defined, why it cannot be run.
    """

    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""

    def __str__(self) -> str:
        values = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return f"{self.summary} ({values})" if values else self.summary


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """Metadata of a training, available without loading it.

    Attributes:
        name: used on the command line: ``ivif-bench train NAME``.
        entry: ``"module:function"`` of a function ``(TrainingRequest, options) -> Path`` that trains
            and returns the weights file; ``options`` is a checked instance of the model.
            ``"function"`` if it is in the same file.
        title: one line of text.
        presets: the recipes it offers, by name; the first is the default.
        options: model of its settings, which presets and users set. ``--steps`` sets ``steps``.
    """

    name: str
    entry: str
    title: str
    presets: Mapping[str, Preset]
    options: type[Options] = NoOptions

    def __post_init__(self) -> None:
        demand_options(f"training {self.name!r}: options", self.options)

    def settings(
        self, preset: str, options: Mapping[str, Any], steps: int | None = None
    ) -> Options:
        """A preset with changes; loads nothing.

        Raises:
            UserError: an unknown or undefined preset, or an unknown or wrong option.
        """
        where = f"train {self.name}"
        if preset not in self.presets:
            hint = suggest(preset, list(self.presets))
            raise UserError(f"{where}: unknown preset {preset!r}; {hint}")
        chosen = self.presets[preset]
        if chosen.refused:
            raise UserError(f"{where}: preset {preset!r} is not defined: {chosen.refused}")
        values = {**chosen.settings, **options}
        if steps is not None:
            values["steps"] = steps
        return checked(self.options, values, where)


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """The arguments of ``ivif-bench train``.

    Attributes:
        data: sources of pairs: ``FOLDER``, ``LAYOUT=FOLDER`` or ``demo=COUNT``.
        out: folder of everything that the training writes.
        preset: name of the recipe.
        steps: number of steps instead of the recipe's.
        resume: continue from the checkpoint in ``out``.
        device: torch device, such as ``cpu`` or ``cuda``.
        seed: of weights, data order and noise.
        options: settings that override the recipe's.
        progress: called with (done, total, what) during the training.
    """

    data: tuple[str, ...]
    out: Path
    preset: str
    steps: int | None = None
    resume: bool = False
    device: str = "cpu"
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = lambda done, total, what: None


TRAININGS: Registry[TrainingSpec] = Registry(
    "training", "ivif_bench.fusion_models", "ivif_bench.methods", attribute="TRAININGS"
)


def train(name: str, request: TrainingRequest) -> Path:
    """Run a registered training; returns its weights file.

    Raises:
        UserError: unknown training, or as ``TrainingSpec.settings``.
    """
    settings = TRAININGS.get(name).settings(request.preset, request.options, request.steps)
    weights: Path = TRAININGS.load(name)(request, settings)
    return weights
