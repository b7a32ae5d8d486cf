"""What protocols of tasks that let a network judge have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split, resolve_split, shipped_splits
from ivif_bench.errors import UserError
from ivif_bench.protocol import Protocol
from ivif_bench.types import DatasetRef

GIVEN = "given"  # stands for a file in hashes; as a split, the run configuration must bring one
_WORDS = ("scratch", "user", GIVEN)
_SHIPPED = "shipped:"

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class NetworkProtocol(Protocol):
    """A protocol with a split and initial weights, either of which may be a file of the user."""

    layout: str = Field(description="dataset layout that it is made for")
    split: str | dict[str, str] = Field(
        description="official, all, a shipped split, a file, {train: FILE, test: FILE}, or given: "
        "the section must bring one"
    )
    initial: str = Field(
        description="initial weights: scratch, shipped:NAME, a path, or (detection) user: the "
        "section's weights"
    )
    seeds: Seeds = Field(description="training seeds, each once")

    @field_validator("seeds")
    @classmethod
    def _no_seed_twice(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed is named twice")
        return seeds

    @property
    def portable(self) -> Self:
        """This protocol without paths.

        The split and the weights have hashes of their own, over their content; where they lie
        must not be part of any.
        """
        changes = {"split": _portable_split(self.split), "initial": _portable_initial(self.initial)}
        return self.model_copy(update=changes)

    def digest(self, without: frozenset[str] = frozenset()) -> str:
        """Hash of the protocol's values but for some; files count as ``given``."""
        return super(NetworkProtocol, self.portable).digest(without)


def _portable_split(split: str | Mapping[str, str]) -> str:
    known = isinstance(split, str) and split in ("official", "all", *shipped_splits())
    return str(split) if known else GIVEN


def _portable_initial(initial: str) -> str:
    known = initial in _WORDS or initial.startswith(_SHIPPED)
    return initial if known else GIVEN


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


def check_layout(protocol: NetworkProtocol, dataset: Dataset, ref: DatasetRef) -> None:
    """Refuse a dataset of another layout than the protocol's.

    Raises:
        UserError: they differ.
    """
    if ref.layout != protocol.layout:
        raise UserError(
            f"protocol {protocol.name!r} is for layout {protocol.layout!r}, dataset "
            f"{dataset.name!r} has {ref.layout!r}"
        )


def check_parts(protocol: NetworkProtocol, dataset: Dataset, split: Split, trained: bool) -> None:
    """Refuse a split without test images, or without training images where they are needed.

    Raises:
        UserError: a part is empty.
    """
    for part in ("train", "test") if trained else ("test",):
        if not split.parts.get(part):
            raise UserError(
                f"split {split.name!r} of dataset {dataset.name!r} has no {part} images, which "
                f"protocol {protocol.name!r} needs; give a split with both parts"
            )
