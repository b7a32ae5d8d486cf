"""``import ivif_bench`` loads nothing, and offers what it says."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import ivif_bench
from ivif_bench.errors import UserError
from ivif_bench.tasks import quality

LIBRARIES = ("torch", "pandas", "pydantic", "numpy", "cv2", "yaml", "pyarrow", "numba", "typer")


def test_the_import_loads_no_library():
    code = (
        "import sys, ivif_bench\n"
        f"print(sorted(set({LIBRARIES!r}) & set(sys.modules)))\n"
        "print(sorted(name for name in sys.modules if name.startswith('ivif_bench.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['ivif_bench.errors']"]


@pytest.mark.parametrize("name", ivif_bench.__all__)
def test_what_it_offers_is_there_and_listed(name):
    assert getattr(ivif_bench, name) is not None
    assert name in dir(ivif_bench)


def test_the_names_are_those_of_the_parts():
    assert ivif_bench.evaluate is quality.evaluate
    assert ivif_bench.UserError is UserError
    assert ivif_bench.__version__ == metadata.version("ivif-bench")


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match="'ivif_bench' has no attribute 'jugde'"):
        _ = ivif_bench.jugde
    with pytest.raises(ImportError):
        exec("from ivif_bench import jugde")


def test_no_module_has_the_name_of_a_function(repository: Path):
    """Importing ``ivif_bench.run``, the module, would take the place of the function."""
    modules = {path.stem for path in (repository / "bench").iterdir()}
    modules |= {"fusion_models", "tasks", "reports"}
    assert not modules & set(ivif_bench.__all__)
