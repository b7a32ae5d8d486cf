"""Finds components by file: a module with a ``SPECS`` tuple is all it takes to add one.

Modules that declare specs must be cheap to import: a spec names its implementation as
``"module:attribute"``, and torch, ultralytics or mmseg are imported only when that is loaded.
Third parties add components by an entry point in the registry's group that names a module with
``SPECS``, or a package or folder of such modules.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from ivif_bench.errors import UserError


class Spec(Protocol):
    """What every registered component declares."""

    @property
    def name(self) -> str: ...

    @property
    def entry(self) -> str: ...


S = TypeVar("S", bound=Spec)


class Registry(Generic[S]):
    """All components of one kind, found lazily.

    Args:
        kind: what users call it in messages, such as ``fusion method``.
        package: import name of the package whose modules (and sub-packages) declare ``SPECS``.
        group: entry point group through which third parties add their own.
        attribute: what a module calls its tuple of specs of this kind.
    """

    def __init__(self, kind: str, package: str, group: str, attribute: str = "SPECS") -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self.attribute = attribute
        self._specs: dict[str, S] | None = None

    def specs(self) -> dict[str, S]:
        """All specs by name, sorted. A name declared twice is an error naming both modules."""
        if self._specs is None:
            found: dict[str, S] = {}
            origin: dict[str, str] = {}
            for module in self._modules():
                for spec in getattr(module, self.attribute, ()):
                    if spec.name in found:
                        raise UserError(
                            f"{self.kind} {spec.name!r} is declared twice: in {origin[spec.name]} "
                            f"and in {module.__name__}; rename one of them"
                        )
                    found[spec.name] = spec
                    origin[spec.name] = module.__name__
            self._specs = dict(sorted(found.items()))
        return self._specs

    def get(self, name: str) -> S:
        """The spec of that name.

        Raises:
            UserError: unknown name; the message suggests the nearest known ones.
        """
        specs = self.specs()
        if name not in specs:
            raise UserError(f"unknown {self.kind} {name!r}; {suggest(name, list(specs))}")
        return specs[name]

    def load(self, name: str) -> Any:
        """Import the implementation that the spec's ``entry`` names."""
        return load_entry(self.get(name).entry)

    def _modules(self) -> Iterator[ModuleType]:
        root = importlib.import_module(self.package)
        yield root
        yield from _children(root)
        for point in importlib.metadata.entry_points(group=self.group):
            module = point.load()
            yield module
            if hasattr(module, "__path__"):
                yield from _children(module)


def suggest(name: str, known: list[str]) -> str:
    """A hint for a misspelt name: ``did you mean ...?`` or the list of what there is."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(known)}"


def load_entry(entry: str) -> Any:
    """Import ``"package.module:attribute"``."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _children(package: ModuleType) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{package.__name__}.{info.name}")
