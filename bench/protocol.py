"""Base of the protocols of all tasks: versioned YAML files, found by name, with a hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ivif_bench.errors import UserError
from ivif_bench.files import exists
from ivif_bench.registry import suggest
from ivif_bench.validation import checked
from ivif_bench.yaml_text import read_yaml


class Protocol(BaseModel):
    """Everything that can change a number; unknown keys are errors.

    A published protocol is never edited: a change gets a new name, such as ``m3fd-det.v2``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="with its version, such as m3fd-det.v1")

    @property
    def sha256(self) -> str:
        """Hash of the resolved protocol, overrides included."""
        return self.digest()

    @property
    def unit_sha256(self) -> str:
        """Hash of what decides one unit: all but which seeds are wanted beside its own."""
        return self.digest(frozenset({"seeds"}))

    def values(self) -> dict[str, Any]:
        """The JSON values that hashes are made of."""
        return self.model_dump(mode="json")

    def digest(self, without: frozenset[str] = frozenset()) -> str:
        """Hash of the protocol's values but for some."""
        return hash_of({key: value for key, value in self.values().items() if key not in without})

    @classmethod
    def from_file(cls, content: dict[str, Any]) -> Self:
        """The protocol that the keys and values of a file make.

        Raises:
            UserError: a key is unknown, missing or wrong.
        """
        return checked(cls, content, "")

    def override(self, **changes: Any) -> Self:
        """This protocol with other values, checked again."""
        if not changes:
            return self
        return checked(type(self), {**self.model_dump(), **changes}, f"protocol {self.name!r}")


P = TypeVar("P", bound=Protocol)


def hash_of(values: Any) -> str:
    """sha256 of JSON values; the order of keys does not matter."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def shipped_protocols(folder: Path) -> list[str]:
    """Names of the protocols that a task ships."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_protocol(model: type[P], name_or_path: str, folder: Path, task: str) -> P:
    """Load a shipped protocol by name, or a protocol file by path.

    Args:
        folder: where the task's shipped protocols are.
        task: its name in messages, such as ``detection``.

    Raises:
        UserError: unknown name, unreadable file, or a key that is unknown, missing or wrong.
    """
    names = shipped_protocols(folder)
    path = folder / f"{name_or_path}.yaml" if name_or_path in names else Path(name_or_path)
    if not exists(path):
        raise UserError(f"unknown {task} protocol {name_or_path!r}; {suggest(name_or_path, names)}")
    content = read_yaml(path, "protocol")
    if not isinstance(content, dict):
        raise UserError(f"protocol {path}: expected keys and values")
    try:
        return model.from_file(content)
    except UserError as problem:
        raise UserError(f"protocol {path}: {problem}") from problem
