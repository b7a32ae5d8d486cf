"""Imports point one way, as the table in docs/architecture.md says, and in no circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = "ivif_bench"
FOLDERS = {
    "bench": ROOT,
    "fusion_models": f"{ROOT}.fusion_models",
    "tasks": f"{ROOT}.tasks",
    "reports": f"{ROOT}.reports",
}
SHARED = {"fusion_models": ("baselines", "compared", "sr3", "training"), "tasks": ("network",)}


def _modules() -> dict[str, Path]:
    found = {}
    for folder, name in FOLDERS.items():
        for path in (REPOSITORY / folder).rglob("*.py"):
            parts = list(path.relative_to(REPOSITORY / folder).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            found[".".join([name, *parts])] = path
    return found


def _imported(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    """Modules of the package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from (name for name in (full, node.module or "") if name in modules)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    modules = _modules()
    # An import of a module from a package is no use of the package itself.
    return {
        name: {
            found
            for found in _imported(path, modules)
            if found != name and not (name.startswith(f"{found}.") and found == ROOT)
        }
        for name, path in modules.items()
    }


def _table() -> tuple[dict[str, str], dict[str, set[str]]]:
    """Module to part, and part to the parts that it may import."""
    parts: dict[str, str] = {}
    allowed: dict[str, set[str]] = {}
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## Imports")[2].partition("\n## ")[0]
    for line in re.findall(r"^\| (?!part|-).*\|$", section, re.MULTILINE):
        part, modules, may = (cell.strip() for cell in line.strip("|").split("|"))
        parts |= dict.fromkeys(re.findall(r"`(\w+)`", modules), part)
        allowed[part] = {part, *may.split(", ")}
    return parts, allowed


def _top(module: str) -> str:
    return module.removeprefix(f"{ROOT}.").partition(".")[0]


def test_no_module_imports_itself_in_a_circle(graph):
    sources = {
        name: {
            # ``from package import module`` names both; the module is what is used
            found
            for found in imports
            if not any(other.startswith(f"{found}.") for other in imports)
        }
        for name, imports in graph.items()
    }
    try:
        TopologicalSorter(sources).prepare()
    except CycleError as problem:
        pytest.fail(f"import cycle: {' <- '.join(problem.args[1])}")


def test_the_table_places_every_module(graph):
    parts, _ = _table()
    tops = {_top(name) for name in graph if name != ROOT}
    assert tops == set(parts), "docs/architecture.md, section Imports, and the folders differ"


def test_imports_point_as_the_table_says(graph):
    parts, allowed = _table()
    wrong = [
        f"{name} ({parts[_top(name)]}) imports {found} ({parts[_top(found)]})"
        for name, imports in graph.items()
        for found in imports
        if ROOT not in (name, found) and parts[_top(found)] not in allowed[parts[_top(name)]]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", ["tasks", "fusion_models"])
def test_siblings_do_not_import_each_other(graph, folder):
    prefix = f"{ROOT}.{folder}."

    def sibling(name: str) -> str:
        return name.removeprefix(prefix).partition(".")[0]

    wrong = [
        f"{name} imports {found}"
        for name, imports in graph.items()
        for found in imports
        if name.startswith(prefix)
        and found.startswith(prefix)
        and sibling(found) != sibling(name)
        and sibling(found) not in SHARED[folder]
        and not sibling(found).startswith("_")
    ]
    assert wrong == []


def test_only_the_package_itself_imports_the_python_interface(graph):
    importers = {
        name for name, imports in graph.items() for found in imports if _top(found) == "api"
    }
    assert {name for name in importers if _top(name) != "api"} == {ROOT}


def test_the_command_line_and_the_python_interface_reach_tasks_only_to_score_measure_and_exchange(
    graph,
):
    reached = {
        (name, found)
        for name, imports in graph.items()
        for found in imports
        if _top(name) in ("commands", "cli", "api") and found.startswith(f"{ROOT}.tasks")
    }
    assert {
        (name, found.rpartition(".tasks.")[2].partition(".")[0]) for name, found in reached
    } == {
        (f"{ROOT}.commands.scoring", "quality"),
        (f"{ROOT}.api.scoring", "quality"),
        (f"{ROOT}.commands.detecting", "detection"),
        (f"{ROOT}.commands.detectors", "detection"),
        (f"{ROOT}.commands.segmenting", "segmentation"),
        (f"{ROOT}.commands.complexity", "complexity"),
    }


def test_nothing_that_is_installed_imports_what_is_not():
    wrong = [
        f"{path}: {name}"
        for path in _modules().values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _names(node)
        if name.partition(".")[0] in ("benchmarks", "scripts", "tests")
    ]
    assert wrong == []


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
