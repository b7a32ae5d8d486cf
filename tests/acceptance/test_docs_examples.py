"""The examples of the pages "Adding a ..." are files that the checks of a contribution accept.

Each is written as it is printed into a copy of the tree, and linters, types and the contract tests
run there; the quick suite runs once, with all of them in place, but for comparisons with recorded
values. Tests that cannot have another outcome with one more component are left out, where
``make test`` has just recorded which (see ``component_use``); without its record all of them run.
``EACH_EXAMPLE=1`` runs all of it after each, which takes half an hour and more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from component_use import LEFT_OUT, files_to_run, independent
from printed import FOLDERS, Example, printed_components
from tree_copy import Copy
from watched import sitecustomize as watched

METRICS = [
    "tests/tasks/quality/test_quality_contract.py",
    "tests/tasks/quality/test_quality_registry.py",
    "tests/benchmarks/test_calibration.py",
]
CONTRACTS = {
    "convention": METRICS,
    "dataset": ["tests/bench/data/test_layout_contract.py", "tests/bench/test_options.py"],
    "detector": ["tests/tasks/test_component_contract.py"],
    "format": ["tests/reports/test_format_contract.py", "tests/reports/test_report_formats.py"],
    "method": ["tests/fusion_models/test_contract.py", "tests/bench/test_options.py"],
    "metric": ["tests/tasks/quality/test_plain_formulas.py", *METRICS],
    "segmenter": ["tests/tasks/test_component_contract.py"],
}
ALWAYS = ["tests/bench/test_imports.py", "tests/bench/test_registry.py"]


@pytest.fixture(scope="module")
def printed(repository: Path) -> dict[str, list[Example]]:
    """The files of each component that the pages print."""
    return printed_components(repository)


@pytest.fixture(scope="module")
def copy(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of the tree without any example."""
    return Copy(repository, tmp_path_factory.mktemp("copy") / "tree")


@pytest.fixture
def with_example(
    request: pytest.FixtureRequest, copy: Copy, printed: dict[str, list[Example]]
) -> Iterator[Copy]:
    """The copy with the files of one component, or of all."""
    wanted = list(CONTRACTS) if request.param == "all" else [request.param]
    with copy.holding([example for name in wanted for example in printed[name]]):
        yield copy


def _passes(copy: Copy, *arguments: str | Path, **variables: str) -> None:
    done = copy.python("-m", *arguments, timeout=3600, variables=variables)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]


def _lint_and_types(copy: Copy) -> None:
    _passes(copy, "ruff", "check", ".")
    _passes(copy, "ruff", "format", "--check", ".")
    _passes(copy, "mypy")


def _quick_suite(copy: Copy, repository: Path, files: Sequence[str] = ()) -> None:
    everything = bool(os.environ.get("EACH_EXAMPLE"))
    left_out = set() if everything else independent(repository)
    marks = "not slow" if everything else "not slow and not golden"
    # Outside the folders of this test run, which pytest would remove; short, for sockets in it.
    with TemporaryDirectory(prefix="ivif-") as folder:
        names = Path(folder) / "left-out"
        names.write_text("\n".join(left_out), encoding="utf-8")
        options = ["-q", f"--basetemp={folder}/tmp", "-m", marks]
        if not files:
            files = files_to_run(repository, copy.root, left_out)
            options += ["-n", "2", "--dist", "loadscope"]
        _passes(copy, "pytest", *options, *files, **{LEFT_OUT: str(names)})


def test_the_pages_print_a_file_for_every_kind_of_component(printed):
    assert sorted(printed) == list(CONTRACTS)


def test_a_watched_run_notes_the_use_of_every_kind_of_component():
    assert set(watched.FOLDERS) == {folder.rstrip("/") for folder in FOLDERS}


@pytest.mark.slow
def test_the_code_of_the_copy_is_used_not_the_installed_one(copy):
    code = (
        "import ivif_bench, ivif_bench.fusion_models, ivif_bench.reports, ivif_bench.tasks as t\n"
        "for m in (ivif_bench, ivif_bench.fusion_models, ivif_bench.reports, t): print(m.__file__)"
    )
    for where in (copy.root, copy.root.parent):
        files = copy.python("-c", code, cwd=where).stdout.split()
        assert [Path(file).resolve() for file in files] == [
            (copy.root / folder / "__init__.py").resolve()
            for folder in ("bench", "fusion_models", "reports", "tasks")
        ]


@pytest.mark.slow
@pytest.mark.parametrize("with_example", list(CONTRACTS), indirect=True)
def test_one_example_passes_lint_types_and_tests(with_example, request, repository):
    _lint_and_types(with_example)
    if os.environ.get("EACH_EXAMPLE"):
        _quick_suite(with_example, repository)
    else:
        component = request.node.callspec.params["with_example"]
        _quick_suite(with_example, repository, [*ALWAYS, *CONTRACTS[component]])


@pytest.mark.slow
@pytest.mark.parametrize("with_example", ["all"], indirect=True)
def test_all_examples_together_pass_lint_types_and_the_quick_suite(with_example, repository):
    _lint_and_types(with_example)
    _quick_suite(with_example, repository)
