"""How images are cut changes neither what is done nor what comes out."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import InProcess
from small_runs import write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.pipeline.executors import local
from ivif_bench.pipeline.run import run
from ivif_bench.pipeline.shards import VARIABLE, shards


@given(
    st.lists(st.integers(), max_size=300),
    st.floats(0, 1e7, allow_nan=False),
    st.integers(1, 64),
)
def test_every_item_is_in_one_shard_in_its_order_and_shards_are_even(items, seconds, workers):
    parts = shards(items, seconds, workers)
    assert [item for part in parts for item in part] == items
    sizes = {len(part) for part in parts}
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert 0 not in sizes


@pytest.mark.parametrize(
    ("seconds", "workers", "expected"),
    [
        (5, 2, 1),  # not worth a second process
        (100, 1, 4),
        (100, 2, 8),
        (100, 64, 10),  # of at least ten seconds
        (36000, 2, 60),  # of at most ten minutes
    ],
)
def test_shards_are_long_enough_to_start_and_short_enough_to_spread(seconds, workers, expected):
    assert len(shards(range(1000), seconds, workers)) == expected


def test_the_size_of_shards_can_be_set(monkeypatch):
    monkeypatch.setenv(VARIABLE, "3")
    assert [list(part) for part in shards(range(7), 0.1, 2)] == [[0, 1], [2, 3], [4, 5, 6]]


def _bytes(folder):
    found = [*folder.glob("fused/**/*.png"), *folder.glob("results/**/*.parquet")]
    found += folder.glob("report/*.md")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def _remembered(monkeypatch):
    """The executors of runs from now on."""
    executors = []

    class Remembered(InProcess):
        def __init__(self, *given):
            super().__init__(*given)
            executors.append(self)

    monkeypatch.setattr(local, "LocalExecutor", Remembered)
    return executors


@pytest.mark.slow
def test_a_run_gives_the_same_bytes_whatever_its_shards(tmp_path, monkeypatch):
    write_pairs(tmp_path / "pairs", 5, (40, 48))
    jobs, found = {}, {}
    for size in ("1", "2", "5"):
        executors = _remembered(monkeypatch)
        monkeypatch.setenv(VARIABLE, size)
        done = run(load_config(write_config(tmp_path, f"by{size}")), workers=2)
        assert (done.fused, done.computed, done.failures) == (15, 3, ())
        jobs[size] = [job.description["kind"] for job in executors[0].started]
        found[size] = _bytes(tmp_path / f"by{size}" / "small")
        assert not list((tmp_path / f"by{size}" / "small" / "work").glob("*/*"))
    assert found["1"] == found["2"] == found["5"]
    assert len(found["1"]) == 15 + 3 + 1
    assert [jobs[size].count("fuse") for size in "125"] == [15, 9, 3]
    assert [jobs[size].count("images") for size in "125"] == [15, 9, 0]
    assert [jobs[size].count("unit") for size in "125"] == [3, 3, 3]


def test_a_method_is_judged_as_soon_as_it_has_fused(tmp_path, monkeypatch):
    write_pairs(tmp_path / "pairs", 3, (40, 48))
    executors = _remembered(monkeypatch)
    finished = {"name": "mine", "type": "precomputed", "options": {"root": f"{tmp_path}/pairs/ir"}}
    config = write_config(tmp_path, methods=["average", finished], quality={"dataset": "pairs"})
    run(load_config(config))
    order = [f"{job.stage} {job.label}" for job in executors[0].started]
    (mine,) = (index for index, text in enumerate(order) if "pairs/mine" in text)
    (average,) = (index for index, text in enumerate(order) if "pairs/average" in text)
    assert order.index("fusing average") < average
    assert mine < average


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_runs_that_are_killed_at_random_moments_end_in_the_same_bytes(tmp_path):
    from benchmarks.kills import disturb

    outcome = disturb(tmp_path, kills=20, seed=14)
    assert outcome.problems == []
    assert sum(outcome.kills.values()) == 20
    assert outcome.finished >= 1


@pytest.mark.slow
def test_four_processes_give_the_bytes_of_one(tmp_path, monkeypatch):
    write_pairs(tmp_path / "pairs", 5, (40, 48))
    found = []
    for workers, size in ((1, "5"), (4, "1")):
        monkeypatch.setenv(VARIABLE, size)
        methods = ["average", {"name": "ddfm-lite", "options": {"steps": 2}}]
        config = load_config(write_config(tmp_path, f"with{workers}", methods=methods))
        assert run(config, workers=workers).failures == ()
        found.append(_bytes(config.folder))
    assert found[0] == found[1]
