"""Finds components by file: any module with a ``SPECS`` tuple adds components.

Modules that declare specs must be cheap to import: a spec names its implementation as
``"module:attribute"``, or as ``"attribute"`` if it is in the same file, and torch, ultralytics or
mmseg are imported only when that is loaded. Third parties add components by an entry point in the
registry's group that names a module with ``SPECS``, or a package or folder of such modules.

A file that cannot be imported breaks only its own components: see ``Registry.broken``.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from ivif_bench.errors import UserError, first_few
from ivif_bench.importing import IMPORT_ERRORS, Broken, broken

Base = type | tuple[type, ...] | None


class Spec(Protocol):
    """The fields that every registered component declares; a dataclass."""

    @property
    def name(self) -> str: ...

    @property
    def entry(self) -> str: ...


S = TypeVar("S", bound=Spec)


class Registry(Generic[S]):
    """All components of one kind, found lazily.

    Args:
        kind: its name in messages, such as ``fusion method``.
        package: import name of the package whose modules (and sub-packages) declare ``SPECS``.
        group: entry point group through which third parties add their own.
        attribute: name of the tuple of specs of this kind in a module.
        base: class, or classes, of which an entry must be a subclass; None asks for a callable.
        instance: an entry is an object of ``base`` instead of a subclass.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        group: str,
        attribute: str = "SPECS",
        base: Base = None,
        instance: bool = False,
    ) -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self.attribute = attribute
        self.base = base
        self.instance = instance
        self._specs: dict[str, S] | None = None
        self._files: dict[str, str] = {}
        self._broken: list[Broken] = []

    def specs(self) -> dict[str, S]:
        """All usable specs by name, sorted, each with its complete entry; see also ``broken``."""
        if self._specs is None:
            faults: list[Broken] = []
            found: dict[str, list[tuple[S, ModuleType]]] = {}
            for module in dict.fromkeys(self._modules(faults)):
                for spec in getattr(module, self.attribute, ()):
                    found.setdefault(spec.name, []).append((_complete(spec, module), module))
            for name, several in found.items():
                if len(several) > 1:
                    faults.append(_declared_twice(name, [module for _, module in several]))
            single = {name: several[0] for name, several in found.items() if len(several) == 1}
            self._broken = list(dict.fromkeys(faults))
            self._files = {name: _file(module) for name, (_, module) in single.items()}
            self._specs = {name: single[name][0] for name in sorted(single)}
        return self._specs

    def broken(self) -> tuple[Broken, ...]:
        """Modules that cannot be imported, and names that are declared twice."""
        self.specs()
        return tuple(self._broken)

    def find(self, name: str) -> S | None:
        """The spec of that name; None if nothing declares it.

        Raises:
            UserError: it is declared twice, or in a file that cannot be imported.
        """
        spec = self.specs().get(name)
        if spec is None:
            for one in self.broken():
                if one.name == name or one.mentions(name):
                    raise UserError(f"{self.kind} {name!r} cannot be used: {one}")
        return spec

    def get(self, name: str) -> S:
        """The spec of that name.

        Raises:
            UserError: it is declared twice, or in a file that cannot be imported, or is unknown;
                then the message suggests the nearest known names.
        """
        spec = self.find(name)
        if spec is None:
            hint = suggest(name, list(self.specs()))
            raise UserError(f"unknown {self.kind} {name!r}; {hint}{self.unread()}")
        return spec

    def load(self, name: str) -> Any:
        """Import the implementation that the spec's ``entry`` names, and check its type.

        Raises:
            UserError: as ``get``; or the entry cannot be imported, does not exist, or is no
                complete subclass of the registry's base.
        """
        spec = self.get(name)
        file = self._files.get(name)
        who = f"{self.kind} {name!r} in {file}" if file else f"{self.kind} {name!r}"
        return load_entry(spec.entry, who, self.base, self.instance)

    def unread(self) -> str:
        """The end of a message about an unknown name: what could not be imported; often empty."""
        faults = first_few([str(one) for one in self.broken()], 1)
        return f"; cannot be imported: {faults}" if faults else ""

    def _modules(self, faults: list[Broken]) -> Iterator[ModuleType]:
        """Every module that may declare specs; those that cannot be used are added to ``faults``."""
        root = self._imported(self.package, faults)
        if root:
            yield root
            yield from self._children(root, faults)
        for point in importlib.metadata.entry_points(group=self.group):
            module = self._point(point, faults)
            if module:
                yield module
                yield from self._children(module, faults)

    def _children(self, package: ModuleType, faults: list[Broken]) -> Iterator[ModuleType]:
        for info in pkgutil.iter_modules(getattr(package, "__path__", ())):
            if not info.name.startswith("_"):
                module = self._imported(f"{package.__name__}.{info.name}", faults)
                if module:
                    yield module

    def _imported(self, name: str, faults: list[Broken]) -> ModuleType | None:
        try:
            return self._checked(importlib.import_module(name))
        except IMPORT_ERRORS as problem:
            faults.append(broken(name, problem))
            return None

    def _point(
        self, point: importlib.metadata.EntryPoint, faults: list[Broken]
    ) -> ModuleType | None:
        try:
            return self._checked(point.load())
        except IMPORT_ERRORS as problem:
            owner = f" of {point.dist.name}" if point.dist else ""
            where = f"entry point {point.name!r}{owner} in group {self.group}"
            faults.append(broken(point.value.partition(":")[0].strip(), problem, where))
            return None

    def _checked(self, module: Any) -> ModuleType:
        if not isinstance(module, ModuleType):
            raise UserError(f"an entry point of {self.group} must name a module")
        declared = getattr(module, self.attribute, ())
        if not isinstance(declared, tuple | list) or not all(map(_is_spec, declared)):
            raise UserError(
                f"{self.attribute} must be a tuple of specs; a tuple of one ends in a comma"
            )
        return module


def suggest(name: str, known: list[str]) -> str:
    """A hint for a misspelt name: ``did you mean ...?`` or the list of known names."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(known)}"


def load_entry(entry: str, who: str, base: Base = None, instance: bool = False) -> Any:
    """Import ``"package.module:attribute"`` and check its type.

    Args:
        who: the owner of the entry, in front of messages.
        base: class, or classes, of which it must be a subclass; None asks for a callable.
        instance: it is an object of ``base`` instead of a subclass.

    Raises:
        UserError: it cannot be imported, does not exist, or is something else; with file and line
            of a fault inside the module, and the nearest names.
    """
    name, _, attribute = entry.partition(":")
    if not name or not attribute:
        raise UserError(f"{who}: entry {entry!r} must be 'module:attribute'")
    try:
        module = importlib.import_module(name)
        found = getattr(module, attribute, None)
    except IMPORT_ERRORS as problem:
        raise UserError(f"{who}: entry {entry!r}: {broken(name, problem)}") from problem
    if found is None:
        fitting = [
            other
            for other, value in vars(module).items()
            if _fits(value, base, instance)
            and (instance or getattr(value, "__module__", "") == name)
        ]
        hint = suggest(attribute, fitting) if fitting else f"it must be {_wanted(base, instance)}"
        raise UserError(f"{who}: entry {entry!r}: {name} has no {attribute!r}; {hint}")
    if not _fits(found, base, instance):
        raise UserError(f"{who}: entry {entry!r} must be {_wanted(base, instance)}")
    lacking = sorted(getattr(found, "__abstractmethods__", ())) if base and not instance else []
    if lacking:
        raise UserError(f"{who}: entry {entry!r} does not define {', '.join(lacking)}")
    return found


def _fits(found: Any, base: Base, instance: bool) -> bool:
    if base is None:
        return callable(found)
    if instance:
        return isinstance(found, base)
    return isinstance(found, type) and issubclass(found, base)


def _wanted(base: Base, instance: bool) -> str:
    if base is None:
        return "a function"
    classes = base if isinstance(base, tuple) else (base,)
    names = " or ".join(one.__name__ for one in classes)
    return f"an object of class {names}" if instance else f"a class derived from {names}"


def _is_spec(declared: Any) -> bool:
    return dataclasses.is_dataclass(declared) and all(
        isinstance(getattr(declared, key, None), str) for key in ("name", "entry")
    )


def _complete(spec: S, module: ModuleType) -> S:
    """The spec with an entry that names its module too."""
    if ":" in spec.entry:
        return spec
    changed: Any = spec
    return dataclasses.replace(changed, entry=f"{module.__name__}:{spec.entry}")


def _declared_twice(name: str, modules: list[ModuleType]) -> Broken:
    last, others = modules[-1], [_file(module) for module in modules[:-1]]
    reason = f"{name!r} is declared here and in {first_few(others)}; rename one of them"
    return Broken(name, last.__name__, _file(last), reason, _file(last))


def _file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or module.__name__
