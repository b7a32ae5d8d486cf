"""Protocols of tasks that judge by a trained network, in two file formats.

Format 2 has the same keys for every task; what belongs to a family of networks is under its name in
``recipe``. Files without ``format`` are in format 1, where each task had keys of its own. They keep
their hashes: each task translates them (``read_format_1``) and back (``write_format_1``).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ivif_bench.data.chroma import Chroma
from ivif_bench.data.split_rules import parse_rule
from ivif_bench.data.splits import shipped_splits
from ivif_bench.errors import UserError
from ivif_bench.protocol import Protocol, hash_of, read_protocol
from ivif_bench.recipe import Recipe
from ivif_bench.registry import Registry, suggest
from ivif_bench.validation import checked

GIVEN = "given"  # stands for a file in hashes; as a split, the run configuration must bring one
SOURCES = ("visible", "infrared")
TRAINED_MODES = ("retrain", "frozen")

Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1)]


class FamilyRecipe(BaseModel):
    """Options of a network family, checked by the models that the network declares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inference: SerializeAsAny[Recipe]
    training: SerializeAsAny[Recipe] | None = None


class NetworkProtocol(Protocol):
    """Everything that can change a number of a trained network's predictions."""

    task: ClassVar[str]
    folder: ClassVar[Path]  # has protocols/ and weights/
    networks: ClassVar[str]  # "module:attribute" of the registry
    trained_by: ClassVar[tuple[str, ...]] = (
        "classes", "network", "transfer", "chroma", "checkpoint"
    )  # fmt: skip
    # What format 1 calls the keys of format 2 in messages: patterns and their replacements.
    names_of_format_1: ClassVar[tuple[tuple[str, str], ...]] = ()

    format: Literal[1, 2] = Field(description="of the file; 2 is the current one")
    layout: str = Field(description="dataset layout that it is made for")
    classes: tuple[str, ...] = Field(
        min_length=1, description="names and order of the classes that are scored"
    )
    split: str | dict[str, str] = Field(
        description="official, all, a shipped split, a rule (scenes:test=0.2,seed=0 or "
        "random:test=0.2,seed=0), a file, {train: FILE, test: FILE}, or given: the section must "
        "bring one"
    )
    mode: Literal["retrain", "frozen", "zeroshot-coco", "released"] = Field(
        description="retrain: one network per method; frozen: one network, trained on train_on, "
        "judges all; zeroshot-coco: COCO weights, shared classes only; released: weights as they "
        "are, trained by others"
    )
    train_on: str | None = Field(
        None, description="for mode frozen: visible, infrared or the name of a method"
    )
    network: str = Field(description="registered name of the detector or segmenter")
    initial: str = Field(
        description="initial weights: scratch, shipped:NAME, a path, or user: the section's weights"
    )
    transfer: Literal["full", "backbone"] = Field(
        "full",
        description="full takes all initial weights; backbone leaves out those that depend on the "
        "classes (detectors: only if the classes differ)",
    )
    recipe: dict[str, FamilyRecipe] = Field(
        default_factory=dict,
        validate_default=True,
        description="under the name of the network's family: inference, and training in the modes "
        "retrain and frozen",
    )
    seeds: Seeds = Field(description="training seeds, each once")
    chroma: Chroma = Field(description="colour in which all images are judged")
    checkpoint: Literal["last", "best"] = Field(
        "last",
        description="weights that are judged: the last ones, or those with the best validation on a "
        "part of the training images; nothing is ever selected on test images",
    )

    @field_validator("split")
    @classmethod
    def _rule_is_whole(cls, value: str | dict[str, str]) -> str | dict[str, str]:
        if isinstance(value, str):
            parse_rule(value)
        return value

    @field_validator("classes", "seeds")
    @classmethod
    def _nothing_twice(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("one of them is named twice")
        return values

    @field_validator("recipe", mode="before")
    @classmethod
    def _recipe_of_the_network(cls, given: Any, info: ValidationInfo) -> Any:
        """Check a recipe by the models that the network declares."""
        if "network" not in info.data:
            return {}  # that error is reported instead
        spec = cls.registry().get(info.data["network"])
        if not isinstance(given, Mapping) or set(given) - {spec.family}:
            raise UserError(f"recipe: expected {spec.family} only, the family of {spec.name}")
        parts = given.get(spec.family, {})
        if isinstance(parts, FamilyRecipe):
            return given
        where = f"recipe.{spec.family}"
        if not isinstance(parts, Mapping) or set(parts) - {"inference", "training"}:
            raise UserError(f"{where}: expected the keys inference and training only")
        inference, training = parts.get("inference"), parts.get("training")
        if training is None and info.data.get("mode") in TRAINED_MODES and spec.training:
            demanded = any(field.is_required() for field in spec.training.model_fields.values())
            training = None if demanded else {}  # every option has a default
        if training is not None and spec.training is None:
            raise UserError(
                f"{where}.training: {spec.name!r} cannot be trained; modes: {', '.join(spec.modes)}"
            )
        recipe = {"inference": checked(spec.inference, inference or {}, f"{where}.inference")}
        if training is not None:
            recipe["training"] = checked(spec.training, training, f"{where}.training")
        return {spec.family: FamilyRecipe(**recipe)}

    @model_validator(mode="after")
    def _mode_fits(self) -> Self:
        if (self.mode == "frozen") != (self.train_on is not None):
            raise ValueError("'train_on' goes with mode 'frozen', and only with it")
        if self.trained and self.training is None:
            raise ValueError(f"mode {self.mode!r} needs 'training'")
        if self.format == 2 and not self.trained and self.training is not None:
            raise ValueError(f"mode {self.mode!r} takes no 'training'")
        spec = self.registry().get(self.network)
        if self.checkpoint not in spec.checkpoints:
            raise ValueError(
                f"{spec.name} has checkpoint {' or '.join(spec.checkpoints)}, not {self.checkpoint!r}"
            )
        if self.checkpoint == "best" and not getattr(self.training, "validation", 0):
            raise ValueError("checkpoint 'best' needs a 'validation' part above 0 in 'training'")
        if not self.trained and self.initial == "scratch":
            raise ValueError(f"mode {self.mode!r} needs initial weights, not 'scratch'")
        return self

    @property
    def trained(self) -> bool:
        """Whether the network is trained in the run."""
        return self.mode in TRAINED_MODES

    @property
    def inference(self) -> Any:
        """The options that predictions depend on: the network's ``inference`` model."""
        return next(iter(self.recipe.values())).inference

    @property
    def training(self) -> Any:
        """The options of the training: the network's ``training`` model, or None."""
        return next(iter(self.recipe.values())).training

    @classmethod
    def registry(cls) -> Registry[Any]:
        """The registry of the networks that such a protocol may name."""
        module, _, attribute = cls.networks.partition(":")
        found: Registry[Any] = getattr(importlib.import_module(module), attribute)
        return found

    @classmethod
    def load(cls, name_or_path: str) -> Self:
        """Load a shipped protocol by name, or a protocol file by path.

        Raises:
            UserError: unknown name, unreadable file, or a key that is unknown, missing or wrong.
        """
        return read_protocol(cls, name_or_path, cls.folder / "protocols", cls.task)

    @classmethod
    def from_file(cls, content: dict[str, Any]) -> Self:
        if content.get("format", 1) != 1:
            return checked(cls, content, "")
        try:
            values = cls.read_format_1({key: content[key] for key in content if key != "format"})
            return checked(cls, {**values, "format": 1}, "")
        except UserError as problem:
            text = str(problem)
            for pattern, name in cls.names_of_format_1:
                text = re.sub(pattern, name, text)
            raise UserError(text) from problem

    @classmethod
    def read_format_1(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of a file in format 1, in format 2."""
        raise UserError("format: this task has no format 1; write format: 2")

    def write_format_1(self, values: dict[str, Any]) -> dict[str, Any]:
        """What ``read_format_1`` read, with every default, from values in format 2."""
        raise NotImplementedError(f"{type(self).__name__} has no format 1")

    @property
    def portable(self) -> Self:
        """This protocol without paths: split and weights have hashes of their own, by content."""
        known = isinstance(self.split, str) and (
            self.split in ("official", "all", *shipped_splits())
            or parse_rule(self.split) is not None
        )
        named = self.initial in ("scratch", "user", GIVEN) or self.initial.startswith("shipped:")
        changes: dict[str, Any] = {} if known else {"split": GIVEN}
        return self.model_copy(update=changes if named else {**changes, "initial": GIVEN})

    def values(self) -> dict[str, Any]:
        """JSON values that hashes are made of: in the format of the file, without paths."""
        plain = self.portable.model_dump(mode="json")
        return plain if self.format == 2 else self.write_format_1(plain)

    @property
    def unit_part(self) -> Any:
        """All that decides a unit, besides its own seed and the stems that the split led to."""
        return self.digest(frozenset({"seeds", "split"}))

    @property
    def training_part(self) -> Any:
        """What decides trained weights, besides samples, initial weights and seed."""
        left_out = {name: {"inference": self.inference.untrained} for name in self.recipe}
        wanted = {*self.trained_by, "recipe"}
        return hash_of(self.model_dump(mode="json", include=wanted, exclude={"recipe": left_out}))

    def training_run(self, seed: int, by_method: bool) -> tuple[Any, ...]:
        """The parts of a training's key that differ between trainings of one protocol.

        Args:
            by_method: it is trained on the images of a method, which are in the key themselves.
        """
        return (seed if self.trained else None, None if by_method else self.train_on)

    @property
    def training_remarks(self) -> tuple[str, ...]:
        """What format 1 added to the keys of some trainings."""
        return ()


def refuse_unknown(values: Mapping[str, Any], known: set[str]) -> None:
    """Refuse keys that a file cannot have.

    Raises:
        UserError: the first one, with a suggestion.
    """
    for key in values:
        if key not in known:
            raise UserError(f"{key}: unknown key; {suggest(str(key), sorted(known))}")
