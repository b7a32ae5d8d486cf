"""The complexity task: what is counted, what is timed, and what has no number."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from torch import nn
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.pipeline.run import run
from ivif_bench.tasks.complexity.measuring import count_without_weights, measure


class TwoLayers:
    """A method of two convolutions, whose operations can be counted by hand."""

    def __init__(self) -> None:
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 1, 5, padding=2)
        self.calls = 0

    def fuse(self, infrared: torch.Tensor, visible: torch.Tensor, seeds: object) -> torch.Tensor:
        self.calls += 1
        with torch.no_grad():
            return self.second(self.first(infrared)).clamp(0, 1)


def images(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    infrared = generator.integers(0, 256, (height, width), dtype=np.uint8)
    return infrared, generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_operations_of_two_layers_are_those_counted_by_hand() -> None:
    method = TwoLayers()
    cost = measure(method, *images(20, 30), warmup=2, runs=3)  # type: ignore[arg-type]
    assert cost.flops == 2 * 20 * 30 * (1 * 8 * 9 + 8 * 1 * 25)
    assert method.calls == 1 + 2 + 3
    assert len(cost.seconds) == 3
    assert min(cost.seconds) <= cost.median <= max(cost.seconds)
    assert cost.peak_bytes > 50e6  # at least the libraries


@pytest.mark.slow
def test_dmnet_at_full_size_is_counted_without_weights() -> None:
    small, double = (count_without_weights("dmnet", {}, 96, width).flops for width in (96, 192))
    # Every layer but the gates of attention works on pixels, so twice as many cost twice as much.
    assert double == pytest.approx(2 * small, rel=0.01)
    assert METHODS.get("dmnet").parameters == 386_247_442
    with pytest.raises(ValueError, match="cannot be counted"):
        count_without_weights("dmfuse", {}, 96, 96)


@pytest.mark.slow
def test_the_steps_of_ddfm_are_counted() -> None:
    one, ten = (count_without_weights("ddfm", {"steps": steps}, 64, 64).flops for steps in (1, 10))
    assert ten == 10 * one > 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the task alone: two methods, one of them precomputed."""
    root = tmp_path_factory.mktemp("complexity")
    content = {
        "name": "r",
        "runs": str(root / "runs"),
        "datasets": {
            "d": {
                "layout": "msrs",
                "root": str(root / "data"),
                "demo": {"task": "segmentation", "train": 1, "test": 1, "size": [96, 112]},
            }
        },
        "methods": [
            "visible",
            "average",
            {"name": "Given", "type": "precomputed", "options": {"root": f"{root}/x/{{stem}}.png"}},
        ],
        "complexity": {"dataset": "d", "sizes": [[96, 112], [48, 56]], "runs": 2, "warmup": 0},
    }
    (root / "c.yaml").write_text(yaml.safe_dump(content))
    run(load_config(root / "c.yaml"), workers=1)
    return root


@pytest.mark.slow
def test_the_table_has_numbers_per_size_and_says_what_has_none(finished: Path) -> None:
    folder = finished / "runs" / "r"
    assert not list(folder.rglob("*.png"))  # nothing was fused for it
    text = (folder / "report" / "tables.md").read_text()
    assert "Time (s) at 56×48" in text
    assert "Time (s) at 112×96" in text
    assert "images were made elsewhere" in text
    assert "no convolutions or matrix products" in text
    assert text.index("Visible") < text.index("Average") < text.index("Given")


@pytest.mark.slow
def test_records_hold_bytes_and_seconds(finished: Path) -> None:
    plan = json.loads((finished / "runs" / "r" / "plan.json").read_text())
    path = next(unit["result"] for unit in plan["units"] if unit["method"] == "average")
    rows = pq.ParquetFile(finished / "runs" / "r" / path).read().to_pylist()
    values = {row["metric"]: row["value"] for row in rows}
    assert values["parameters"] == 0
    assert 0 < values["seconds[112x96]"] < 10
    assert values["peak_bytes[112x96]"] > 50e6
    assert values["flops[112x96]"] is None or math.isnan(values["flops[112x96]"])


@pytest.mark.slow
def test_methods_by_name_need_no_configuration() -> None:
    command = ["complexity", "--method", "average", "--method", "dmnet", "--size", "112x96"]
    done = CliRunner().invoke(app, [*command, "--runs", "1"])
    assert done.exit_code == 0, done.output
    assert "386.247" in done.output
    assert "not run for lack of weights" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either a configuration or methods"),
        (["--method", "average", "--size", "640"], "expected WIDTHxHEIGHT"),
        (["--method", "precomputed"], "made elsewhere"),
        (["--method", "averge"], "did you mean average"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["complexity", *arguments])
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)
