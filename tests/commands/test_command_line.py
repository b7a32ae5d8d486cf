"""The command line answers at once and says what there is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from small_runs import ivif, ivif_here, write_pairs

HEAVY = ("torch", "ultralytics", "mmseg", "mmengine", "numba", "matplotlib", "diffusers", "pandas")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list", "methods"], ["list", "metrics"], ["list", "detectors"]]
)
def test_answers_without_importing_heavy_libraries(arguments):
    code = (
        "import sys\nfrom ivif_bench.cli import app\n"
        f"try:\n    app({arguments!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print('LOADED', loaded)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("LOADED []")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("methods", "laplacian"),
        ("datasets", "m3fd"),
        ("metrics", "Qabf"),
        ("conventions", "cddfuse"),
        ("detectors", "yolov5x"),
        ("segmenters", "segformer-b0"),
        ("formats", "latex"),
        ("tasks", "detection"),
    ],
)
def test_every_kind_of_component_is_listed(kind, expected):
    done = ivif_here("list", kind, "--json")
    assert done.returncode == 0, done.stderr
    assert expected in [item["name"] for item in json.loads(done.stdout)]


def test_an_unknown_kind_gets_a_hint():
    done = ivif("list", "metrcs")
    assert done.returncode == 2
    assert "did you mean metrics" in done.stderr


def test_doctor_finds_this_machine_fit():
    done = ivif_here("doctor", "--json")
    findings = json.loads(done.stdout)
    assert [finding for finding in findings if finding["state"] == "broken"] == []
    assert done.returncode == 0


def test_validate_names_the_pairs_of_a_configuration(tmp_path):
    from small_runs import write_config

    write_pairs(tmp_path / "pairs", 3, (176, 208))
    done = ivif_here("validate", write_config(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "pairs: 3 pairs" in done.stdout


@pytest.mark.parametrize(("option", "value"), [("--train", "10000000000"), ("--test", "0")])
def test_a_demo_of_an_impossible_size_is_refused_in_one_line(option, value, tmp_path):
    done = ivif_here("data", "demo", str(tmp_path / "demo"), option, value)
    assert done.returncode == 2
    assert value in done.stderr
    assert len(done.stderr.splitlines()) == 1
