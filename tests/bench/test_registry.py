"""Components are found by file, lazily, and unknown names get a hint."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import pytest

from ivif_bench.errors import UserError
from ivif_bench.registry import Registry, suggest


@dataclass(frozen=True)
class Thing:
    name: str
    entry: str


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two component files on the import path."""
    root = tmp_path / "things_for_test"
    root.mkdir()
    head = (
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\nclass T:\n    name: str\n    entry: str\n"
    )
    (root / "__init__.py").write_text("")
    (root / "first.py").write_text(
        head + "SPECS = (T('beta', 'things_for_test.first:VALUE'),)\nVALUE = 7\n"
    )
    (root / "second.py").write_text(head + "SPECS = (T('alpha', 'things_for_test.heavy:VALUE'),)\n")
    (root / "_private.py").write_text("raise RuntimeError('private modules are not scanned')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield root
    for name in [name for name in sys.modules if name.startswith("things_for_test")]:
        del sys.modules[name]


def test_a_file_with_specs_is_found_without_any_list(package):
    registry = Registry("thing", "things_for_test", "ivif_bench.nothing")
    assert list(registry.specs()) == ["alpha", "beta"]
    assert registry.load("beta") == 7


def test_listing_does_not_import_the_implementation(package):
    registry = Registry("thing", "things_for_test", "ivif_bench.nothing")
    registry.get("alpha")
    with pytest.raises(ModuleNotFoundError):
        registry.load("alpha")


def test_a_name_declared_twice_is_an_error_that_names_both_files(package):
    (package / "third.py").write_text((package / "first.py").read_text())
    with pytest.raises(UserError, match=r"'beta' is declared twice: in .*first and in .*third"):
        Registry("thing", "things_for_test", "ivif_bench.nothing").specs()


def test_a_misspelt_name_gets_a_suggestion(package):
    with pytest.raises(UserError, match=r"unknown thing 'bata'; did you mean beta\?"):
        Registry("thing", "things_for_test", "ivif_bench.nothing").get("bata")


def test_a_name_like_nothing_gets_the_list():
    assert suggest("zzz", ["alpha", "beta"]) == "known: alpha, beta"


def test_third_parties_add_components_by_entry_point(package, monkeypatch):
    module = types.ModuleType("foreign")
    module.SPECS = (Thing("gamma", "json:dumps"),)

    class Point:
        def load(self):
            return module

    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [Point()] if group == "g" else []
    )
    assert list(Registry("thing", "things_for_test", "g").specs()) == ["alpha", "beta", "gamma"]
