"""What a run will do and how long it takes: counted from its files, timed by what was measured."""

from __future__ import annotations

import json

import pytest
from in_process import InProcess
from small_runs import ivif, write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.pipeline.costs import Costs, fusing_name, section_name
from ivif_bench.pipeline.executors import local
from ivif_bench.pipeline.forecast import Countdown, Item, forecast, total_seconds
from ivif_bench.pipeline.jobs import FUSING, Ended, Job
from ivif_bench.pipeline.plan import RunPlan
from ivif_bench.pipeline.run import Listener, run
from ivif_bench.store import Store


def _job(megapixels: float, gpus: int = 0) -> Job:
    description = {
        "measure": fusing_name("mine", "key"), "megapixels": megapixels, "gpus": gpus, "threads": 1
    }  # fmt: skip
    return Job("job", FUSING, "mine", description)


def test_seconds_are_those_per_amount_and_the_latest_count_most(tmp_path):
    costs = Costs(tmp_path / "costs.json")
    name = fusing_name("mine", "key")
    assert costs.of(name) is None
    costs.learn(Ended(_job(4.0), seconds=8.0))
    assert costs.of(name) == 2.0
    costs.learn(Ended(_job(4.0), seconds=40.0))
    assert costs.of(name) == pytest.approx((4.0 + 40.0) / (2.0 + 4.0))
    costs.learn(Ended(_job(1.0), "it broke", seconds=500.0))
    costs.save()
    assert Costs(tmp_path / "costs.json").of(name) == pytest.approx(44 / 6)


def test_work_on_a_gpu_is_measured_apart(tmp_path):
    name = fusing_name("mine", "key")
    with_gpu = Costs(tmp_path / "costs.json", gpus=1)
    with_gpu.learn(Ended(_job(1.0, gpus=1), seconds=0.5))
    with_gpu.save()
    assert Costs(tmp_path / "costs.json", gpus=4).of(name, gpu=True) == 0.5
    assert Costs(tmp_path / "costs.json", gpus=0).of(name, gpu=True) is None


def test_shipped_figures_serve_until_something_is_measured(tmp_path):
    costs = Costs(tmp_path / "costs.json")
    assert costs.of(fusing_name("average", "any")) > 0
    assert costs.of(fusing_name("ddfm", "any"), gpu=True) is None
    images = section_name("quality", "pairs", "quality-reference.v1", "images")
    assert 0 < costs.of(images) < 1
    assert costs.of(section_name("detection", "m3fd", "m3fd-det.v1", "unit")) is None


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 5}', '{"a": [0, 1]}', '{"a": ["x", 1]}'])
def test_a_damaged_file_of_costs_counts_as_empty(tmp_path, content):
    (tmp_path / "costs.json").write_text(content)
    assert Costs(tmp_path / "costs.json").of(fusing_name("mine", "key")) is None


def test_processors_and_gpus_work_side_by_side(tmp_path):
    name = fusing_name("mine", "key")
    (tmp_path / "costs.json").write_text(json.dumps({name: [1, 10], f"gpu/{name}": [1, 2]}))
    slow = Item(FUSING, "d", "mine", "images", 9, 9, {name: 8.0})
    wide = Item(FUSING, "d", "mine", "images", 9, 9, {name: 4.0}, threads=4)
    quick = Item(FUSING, "d", "mine", "images", 9, 9, {name: 50.0}, gpu=True)
    without, with_two = (Costs(tmp_path / "costs.json", gpus=n) for n in (0, 2))
    assert total_seconds([slow], without, 4, 0) == 80 / 4
    assert total_seconds([slow, wide], without, 2, 0) == (80 + 2 * 40) / 2
    assert total_seconds([slow, quick], without, 4, 0) == (80 + 500) / 4
    assert total_seconds([slow, quick], with_two, 4, 2) == 50  # 100 s on two GPUs, 20 beside them


def test_a_run_is_forecast_exactly_and_counted_down_to_nothing(tmp_path, monkeypatch):
    write_pairs(tmp_path / "pairs", 5, (40, 48))
    monkeypatch.setattr(local, "LocalExecutor", InProcess)
    config = load_config(write_config(tmp_path))
    items = forecast(RunPlan(config, Store(config.folder)))
    counted = {(item.stage, item.label): (item.missing, item.total) for item in items}
    assert counted == {
        (FUSING, "visible"): (5, 5),
        (FUSING, "average"): (5, 5),
        (FUSING, "laplacian"): (5, 5),
        ("quality", "quality-cddfuse.v1"): (3, 3),
    }
    left = []

    class Listening(Listener):
        def expect(self, jobs, seconds):
            left.append(seconds)

    run(config, workers=2, listener=Listening())
    assert left[0] > 0
    assert left[-1] == 0
    after = forecast(RunPlan(config, Store(config.folder)))
    assert [item.missing for item in after] == [0, 0, 0, 0]
    assert Countdown(after, 2, 0).seconds(Costs(tmp_path / "none")) == 0


def test_the_forecast_of_disk_space_is_of_the_right_size(tmp_path, monkeypatch):
    write_pairs(tmp_path / "pairs", 4, (160, 200))
    monkeypatch.setattr(local, "LocalExecutor", InProcess)
    config = load_config(write_config(tmp_path))
    expected = sum(item.bytes for item in forecast(RunPlan(config, Store(config.folder))))
    run(config, workers=1)
    found = sum(path.stat().st_size for path in config.folder.glob("fused/**/*.png"))
    assert found / 2 < expected < 2 * found


@pytest.mark.slow
def test_plan_prints_what_is_left_and_computes_nothing(tmp_path):
    write_pairs(tmp_path / "pairs", 3, (40, 48))
    config = write_config(tmp_path)
    said = ivif("plan", config, "-j", "2")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0].split() == ["stage", "dataset", "what", "done", "to", "do", "hours", "disk"]
    assert "0 of 3 images" in lines[1]
    assert lines[-1].startswith("to do: 9 images to fuse, 3 results; about ")
    assert "on 2 processors" in lines[-1]
    assert not list((tmp_path / "runs").rglob("*.png"))
    as_json = json.loads(ivif("plan", config, "--json", "--gpus", "3").stdout)
    assert as_json["gpus"] == 3
    assert [item["missing"] for item in as_json["items"]] == [3, 3, 3, 3]
