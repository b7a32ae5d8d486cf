"""Components are found by file, lazily; a fault in one file is one line and stays there."""

from __future__ import annotations

import sys
import types
from dataclasses import asdict, dataclass, replace

import pytest
from plugins import write_plugin

from ivif_bench.components import kinds, registry_of
from ivif_bench.errors import UserError
from ivif_bench.registry import Registry, load_entry, suggest
from ivif_bench.task import Task

HEAD = """from dataclasses import dataclass
@dataclass(frozen=True)
class T:
    name: str
    entry: str
class Value: pass
"""
BROKEN = [
    ("SPECS = (\n", ":1", r"SyntaxError: '\(' was never closed"),
    ("import sys\nimport not_installed_anywhere\n", ":2", "ModuleNotFoundError: No module named"),
    ("from json import nothing_of_it\n", ":1", "ImportError: cannot import name"),
    ("\nSPECS = 1 / 0\n", ":2", "ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)\n", ":1", "SystemExit: 3"),
    (f"{HEAD}SPECS = (T('zeta'),)\n", ":7", "TypeError: .*missing 1 required positional argument"),
    (f"{HEAD}SPECS = (T('zeta', 'Value'))\n", "", "SPECS must be a tuple of specs; a tuple of one"),
    (f"{HEAD}SPECS = ('zeta',)\n", "", "SPECS must be a tuple of specs"),
]


@dataclass(frozen=True)
class Thing:
    name: str
    entry: str


class Root:
    """What entries of the registries here must derive from."""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two component files on the import path."""
    root = tmp_path / "things_for_test"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "first.py").write_text(f"{HEAD}SPECS = (T('beta', 'Value'),)\n")
    (root / "second.py").write_text(f"{HEAD}SPECS = (T('alpha', 'things_for_test.heavy:Value'),)\n")
    (root / "_private.py").write_text("raise RuntimeError('private modules are not scanned')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield root
    for name in [name for name in sys.modules if name.startswith(("things_for_test", "plug"))]:
        del sys.modules[name]


def things(**settings):
    return Registry("thing", "things_for_test", "ivif_bench.test_things", **settings)


def test_a_file_with_specs_is_found_without_any_list(package):
    registry = things()
    assert list(registry.specs()) == ["alpha", "beta"]
    assert registry.load("beta").__name__ == "Value"
    assert registry.broken() == ()


def test_an_entry_without_a_module_is_in_the_file_of_its_spec(package):
    spec = things().get("beta")
    assert asdict(spec) == {"name": "beta", "entry": "things_for_test.first:Value"}


def test_listing_does_not_import_the_implementation(package):
    registry = things()
    registry.get("alpha")
    with pytest.raises(
        UserError,
        match=r"thing 'alpha' in .*second\.py: entry 'things_for_test\.heavy:Value': "
        r"ModuleNotFoundError: No module named 'things_for_test\.heavy'$",
    ):
        registry.load("alpha")


@pytest.mark.parametrize(("text", "line", "reason"), BROKEN)
def test_a_file_that_cannot_be_used_takes_nothing_else_with_it(package, text, line, reason):
    (package / "third.py").write_text(text)
    registry = things()
    assert list(registry.specs()) == ["alpha", "beta"]
    (broken,) = registry.broken()
    assert (broken.name, broken.module) == ("third", "things_for_test.third")
    assert broken.file == f"{package / 'third.py'}{line}"
    assert "\n" not in str(broken)
    with pytest.raises(UserError, match=rf"^thing 'third' cannot be used: .*third\.py.*{reason}"):
        registry.get("third")


def test_the_fault_of_a_package_is_named_where_it_is(package):
    (package / "third").mkdir()
    (package / "third" / "__init__.py").write_text(
        f"from .inner import A\n{HEAD}SPECS = (T('zeta', 'A'),)\n"
    )
    (package / "third" / "inner.py").write_text("A = 1\nB = A.x\n")
    (broken,) = things().broken()
    assert broken.file == f"{package / 'third' / 'inner.py'}:2"
    with pytest.raises(UserError, match=r"thing 'zeta' cannot be used: .*inner\.py:2: Attribute"):
        things().get("zeta")


def test_stopping_the_program_is_not_a_fault_of_a_file(package):
    (package / "third.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        things().specs()


def test_an_unknown_name_may_be_in_a_file_that_cannot_be_imported(package):
    (package / "third.py").write_text("name = 'ze' + 'ta'\nimport not_installed_anywhere\n")
    with pytest.raises(
        UserError, match=r"unknown thing 'zeta'; did you mean beta\?; cannot be imported: .*third"
    ):
        things().get("zeta")
    assert things().find("zeta") is None


def test_a_name_declared_twice_is_an_error_for_those_who_use_it(package):
    (package / "third.py").write_text((package / "first.py").read_text())
    registry = things()
    assert list(registry.specs()) == ["alpha"]
    (broken,) = registry.broken()
    assert broken.name == "beta"
    for ask in (registry.get, registry.find, registry.load):
        with pytest.raises(
            UserError, match=r"'beta' is declared here and in .*first\.py; rename one of them"
        ):
            ask("beta")


def test_a_misspelt_name_gets_a_suggestion(package):
    with pytest.raises(UserError, match=r"unknown thing 'bata'; did you mean beta\?$"):
        things().get("bata")


def test_a_name_like_nothing_gets_the_list():
    assert suggest("zzz", ["alpha", "beta"]) == "known: alpha, beta"


@pytest.mark.parametrize(
    ("settings", "text", "words"),
    [
        ({}, "entry", "must be 'module:attribute'"),
        ({}, "here:Gone", r"here has no 'Gone'; did you mean Good\?"),
        ({}, "here:zzz", "here has no 'zzz'; known: Good, Bare, Half"),
        ({}, "here:NUMBER", "must be a function"),
        ({"base": Root}, "here:Godo", r"here has no 'Godo'; did you mean Good\?"),
        ({"base": Root}, "here:Bare", "must be a class derived from Root"),
        ({"base": (Root, int)}, "here:NUMBER", "must be a class derived from Root or int"),
        ({"base": Exception}, "here:zzz", "no 'zzz'; it must be a class derived from Exception"),
        ({"base": Root, "instance": True}, "here:Good", "must be an object of class Root"),
        ({"base": Root, "instance": True}, "here:ITM", r"did you mean ITEM\?"),
        ({"base": Task}, "here:Half", "does not define execute, plan, stems"),
    ],
)
def test_an_entry_that_is_not_what_it_must_be_is_named(monkeypatch, settings, text, words):
    module = types.ModuleType("here")
    for name, base in (("Good", Root), ("Bare", object), ("Half", Task)):
        setattr(module, name, type(name, (base,), {"__module__": "here"}))
    module.ITEM, module.NUMBER = Root(), 7
    monkeypatch.setitem(sys.modules, "here", module)
    with pytest.raises(UserError, match=rf"^it: entry '{text}'.*{words}"):
        load_entry(text, "it", **settings)


def test_what_fits_is_returned(monkeypatch):
    module = types.SimpleNamespace(Good=type("Good", (Root,), {}), item=Root())
    monkeypatch.setitem(sys.modules, "here", module)
    assert load_entry("here:Good", "it", Root) is module.Good
    assert load_entry("here:item", "it", Root, instance=True) is module.item
    assert load_entry("json:dumps", "it")


def test_a_fault_in_the_implementation_names_its_line(package):
    (package / "heavy.py").write_text("\n\nclass Value(NotThere): pass\n")
    with pytest.raises(UserError, match=r"'alpha' in .*second\.py: .*heavy\.py:3: NameError: "):
        things().load("alpha")


def test_third_parties_add_components_by_entry_point(package, tmp_path):
    write_plugin(
        tmp_path,
        {
            "plug/__init__.py": "",
            "plug/good.py": f"{HEAD}SPECS = (T('gamma', 'Value'),)\n",
            "plug/bad.py": "SPECS = (\n",
        },
        {"ivif_bench.test_things": "plug"},
    )
    registry = things()
    assert list(registry.specs()) == ["alpha", "beta", "gamma"]
    assert registry.get("gamma").entry == "plug.good:Value"
    assert [one.module for one in registry.broken()] == ["plug.bad"]


@pytest.mark.parametrize(
    ("files", "target", "words"),
    [
        ({}, "plug_gone", "entry point 'own' of plug in group .*: ModuleNotFoundError: No module"),
        ({"plug.py": "import nowhere_at_all\n"}, "plug", r"plug\.py:1: ModuleNotFoundError"),
        ({"plug/__init__.py": "1 / 0\n"}, "plug.part", r"plug/__init__\.py:1: ZeroDivisionError"),
        ({"plug/__init__.py": ""}, "plug.part", "entry point 'own' of plug .*No module named"),
        ({"plug.py": "SPECS = ()\n"}, "plug:SPECS", r"plug\.py: an entry point .* a module"),
    ],
)
def test_an_entry_point_that_cannot_be_loaded_is_named(package, tmp_path, files, target, words):
    write_plugin(tmp_path, files, {"ivif_bench.test_things": target})
    registry = things()
    assert list(registry.specs()) == ["alpha", "beta"]
    with pytest.raises(UserError, match=rf"unknown thing 'gama'; .*cannot be imported: .*{words}"):
        registry.get("gama")


@pytest.mark.parametrize("kind", kinds())
def test_every_shipped_file_and_entry_can_be_imported(kind):
    registry = registry_of(kind)
    assert registry.broken() == ()
    for name in registry.specs():
        registry.load(name)


@pytest.mark.parametrize("kind", kinds())
def test_every_registry_refuses_an_entry_of_another_kind(kind, monkeypatch):
    registry = registry_of(kind)
    name, spec = next(iter(registry.specs().items()))
    wrong = "json:JSONDecoder" if registry.base else "json:__all__"
    monkeypatch.setattr(registry, "_specs", {name: replace(spec, entry=wrong)})
    with pytest.raises(UserError, match=rf"entry '{wrong}' must be an? "):
        registry.load(name)
