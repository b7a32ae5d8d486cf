"""The examples of the pages "Adding a ..." are files that the checks of a contribution accept.

Each is written as it is printed into a copy of the tree, and linters, types and the contract tests
run there. With all of them in place, the quick suite's files that name a registry or list components
run once, but for comparisons with recorded values: no other test can see one component more.
``EACH_EXAMPLE=1`` runs the whole quick suite after each, which takes half an hour and more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from printed import Example, printed_components
from tree_copy import Copy

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
# What a test names that can see which components there are.
SEES_COMPONENTS = re.compile(
    r"\b(METHODS|DETECTORS|SEGMENTERS|METRICS|CONVENTIONS|LAYOUTS|FORMATS|TASKS|TRAININGS)\b"
    r"|\bregistry\b|\.specs\(|shipped_protocols|\"list\"|\"doctor\""
)


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


def _passes(copy: Copy, *arguments: str | Path) -> None:
    done = copy.python("-m", *arguments, timeout=3600)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]


def _lint_and_types(copy: Copy) -> None:
    _passes(copy, "ruff", "check", ".")
    _passes(copy, "ruff", "format", "--check", ".")
    _passes(copy, "mypy")


def _quick_suite(copy: Copy, marks: str = "not slow", *files: str) -> None:
    # Outside the folders of this test run, which pytest would remove; short, for sockets in it.
    with TemporaryDirectory(prefix="ivif-") as folder:
        options = ["-q", "-n", "2", "--dist", "loadscope", f"--basetemp={folder}/tmp"]
        _passes(copy, "pytest", *options, "-m", marks, *files)


def test_the_pages_print_a_file_for_every_kind_of_component(printed):
    assert sorted(printed) == list(CONTRACTS)


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
def test_one_example_passes_lint_types_and_tests(with_example, request):
    _lint_and_types(with_example)
    if os.environ.get("EACH_EXAMPLE"):
        _quick_suite(with_example)
    else:
        component = request.node.callspec.params["with_example"]
        _quick_suite(with_example, "not slow and not golden", *ALWAYS, *CONTRACTS[component])


@pytest.mark.slow
@pytest.mark.parametrize("with_example", ["all"], indirect=True)
def test_all_examples_together_pass_lint_types_and_the_quick_suite(with_example):
    _lint_and_types(with_example)
    if os.environ.get("EACH_EXAMPLE"):
        _quick_suite(with_example)
        return
    files = [
        str(path.relative_to(with_example.root))
        for path in sorted((with_example.root / "tests").rglob("test_*.py"))
        if SEES_COMPONENTS.search(path.read_text(encoding="utf-8"))
    ]
    _quick_suite(with_example, "not slow and not golden", *sorted({*ALWAYS, *files}))
