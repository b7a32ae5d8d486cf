"""The rule that makes scene-disjoint splits, on drawn scenes whose cuts are known."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_runs import write_runs

from ivif_bench.data.balance import choose
from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.data.leak import picture_leak, scene_cuts
from ivif_bench.data.likeness import Thumbnails, by_chance, likeness, outlines
from ivif_bench.data.runs import find_runs, in_order
from ivif_bench.data.scene_split import scene_split, write_split
from ivif_bench.data.splits import Split, resolve_split
from ivif_bench.errors import UserError

LENGTHS = [9, 3, 14, 1, 6, 11, 4, 8]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, dict[str, frozenset[str]]]:
    """A dataset of eight scenes, and the stems of each scene."""
    root = tmp_path_factory.mktemp("drawn") / "M3FD_Detection"
    return open_dataset("m3fd", root_of(root, LENGTHS)), SCENES[root]


SCENES: dict[Path, dict[str, frozenset[str]]] = {}


def root_of(root: Path, lengths: list[int], seed: int = 0) -> Path:
    scenes = write_runs(root, lengths, seed)
    SCENES[root] = {
        str(index): frozenset(f"{number:05d}" for number in scene)
        for index, scene in enumerate(scenes)
    }
    return root


@pytest.mark.slow
def test_no_scene_is_on_both_sides_and_the_shares_are_near_the_wanted_ones(drawn: Any) -> None:
    dataset, scenes = drawn
    made = scene_split(dataset, "mine", test=0.25, val=0.15)
    assert scene_cuts(made.split, scenes).cut == ()
    for scene in scenes.values():
        assert sum(bool(scene.intersection(part)) for part in made.split.parts.values()) == 1
    images = {part: len(stems) for part, stems in made.split.parts.items()}
    assert sum(images.values()) == sum(LENGTHS)
    assert abs(images["test"] / sum(LENGTHS) - 0.25) < 0.06
    assert abs(images["val"] / sum(LENGTHS) - 0.15) < 0.06
    assert made.shares["images"] == images
    cars = [dataset.boxes(pair).classes.count("Car") for pair in dataset.select(made.split.test)]
    assert made.shares["boxes of Car"]["test"] == sum(cars)


@pytest.mark.slow
def test_its_file_is_a_split_and_the_same_each_time(drawn: Any, tmp_path: Path) -> None:
    dataset, _ = drawn
    for name in ("a", "b"):
        made = scene_split(dataset, "mine", test=0.3, seed=4)
        write_split(made, dataset, tmp_path / f"{name}.yaml")
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()
    found = resolve_split(dataset, str(tmp_path / "a.yaml"))
    assert found == made.split
    assert found.sha256 == made.split.sha256


@pytest.mark.slow
def test_a_random_split_of_the_frames_is_found_by_picture_and_the_rule_leaves_little(
    drawn: Any,
) -> None:
    dataset, scenes = drawn
    made = scene_split(dataset, "mine", test=0.25)
    stems, frames = made.frames
    mixed = [stem for stem in stems if len(stems_with(stem, scenes)) > 1]
    test = tuple(sorted(random.Random(0).sample(mixed, 14)))
    train = tuple(stem for stem in stems if stem not in test)
    looks = picture_leak(Split("random", {"train": train, "test": test}), stems, frames)
    assert looks.share > 0.9
    same = [other in stems_with(stem, scenes) for stem, (other, _) in looks.nearest.items()]
    assert sum(same) >= 13
    assert picture_leak(made.split, stems, frames).share <= 0.1


def stems_with(stem: str, scenes: dict[str, frozenset[str]]) -> frozenset[str]:
    return next(scene for scene in scenes.values() if stem in scene)


@pytest.mark.slow
def test_shares_that_leave_nothing_and_sets_of_one_run_are_refused(
    drawn: Any, tmp_path: Path
) -> None:
    dataset, _ = drawn
    for test, val in ((0.0, 0.1), (1.0, 0.0), (0.6, 0.4), (0.2, -0.1)):
        with pytest.raises(UserError, match="shares above 0, and below 1 together"):
            scene_split(dataset, "mine", test=test, val=val)
    one = open_dataset("m3fd", root_of(tmp_path / "one", [3]))
    with pytest.raises(UserError, match="3 pairs are 1 runs of frames, too few for 2 parts"):
        scene_split(one, "mine", test=0.2)


def views(*places: int) -> np.ndarray:
    """Thumbnails of one wide picture of noise at these places; -1 is another picture."""
    rng = np.random.default_rng(1)
    wide, other = rng.integers(0, 256, (48, 300)), rng.integers(0, 256, (48, 64))
    return np.array([other if at < 0 else wide[:, at : at + 64] for at in places], np.uint8)


@pytest.mark.parametrize(
    ("infrared", "visible", "runs"),
    [
        (views(0, 4, 8, 12), views(0, 4, 8, 12), [4]),
        (views(0, 4, 8, 12), views(0, 4, 150, 154), [4]),  # one side goes on: no cut
        (views(0, 4, 150, 154), views(0, 4, 150, 154), [2, 2]),
        (views(0, 4, -1, 8, 12), views(0, 4, -1, 8, 12), [5]),  # one odd frame cuts nothing
        (views(0, 120, 220), views(0, 120, 220), [1, 1, 1]),
    ],
)
def test_a_run_ends_where_both_sides_change(
    infrared: np.ndarray, visible: np.ndarray, runs: list[int]
) -> None:
    found = find_runs(Thumbnails(infrared, visible))
    assert [len(run) for run in found.runs] == runs
    assert [at for run in found.runs for at in run] == list(range(len(visible)))


def test_likeness_bears_exposure_and_shifts_and_chance_is_bounded() -> None:
    first, moved, other = views(0, 8, -1)
    darker = (first * 0.6 + 20).astype(np.uint8)
    assert likeness(outlines(first), outlines(darker)) > 0.95
    assert likeness(outlines(first), outlines(moved)) > 0.8
    assert likeness(outlines(first), outlines(other)) < 0.3
    flat = outlines(np.full((48, 64), 7, np.uint8))
    assert likeness(flat, flat) == 0  # a black picture is like nothing, not an error
    assert by_chance(views(0, 4, 8)) == 0.3
    symmetric = np.concatenate([first[:, :32], first[:, 31::-1]], axis=1)
    assert by_chance(np.stack([symmetric] * 3)) == 0.6


def test_frames_are_in_the_order_of_their_numbers() -> None:
    assert in_order(["f10", "f9", "f010", "e11"]) == ["e11", "f9", "f010", "f10"]
    assert in_order(["00004N", "00003D", "00010D"]) == ["00003D", "00004N", "00010D"]


@pytest.mark.parametrize("seed", range(6))
def test_the_chosen_runs_are_nearly_the_best_of_all_choices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    amounts = rng.integers(1, 60, (12, 4)).astype(float)
    parts, weights = amounts / amounts.sum(axis=0), np.array([4.0, 1.0, 1.0, 1.0])

    def cost(chosen: Any) -> float:
        missing = parts[np.array(chosen, bool)].sum(axis=0) - 0.25
        return float((weights * missing**2).sum())

    every = sorted(cost(chosen) for chosen in itertools.product((0, 1), repeat=12) if any(chosen))
    assert cost(choose(amounts, 0.25, seed)) <= every[10]  # of 4,095


def test_one_huge_run_leaves_the_smaller_ones_for_the_test_part() -> None:
    amounts = np.array([[1000.0, 9], [10, 1], [20, 1]])
    assert choose(amounts, 0.2, 0).tolist() == [False, True, True]


@pytest.mark.slow
def test_scenes_of_all_lengths_are_cut_where_the_scenes_are(
    tmp_path: Path,
) -> None:
    lengths = np.random.default_rng(3).integers(1, 60, 14).tolist()
    root = root_of(tmp_path / "drawn", lengths, seed=7)
    made = scene_split(open_dataset("m3fd", root), "mine", test=0.2)
    assert scene_cuts(made.split, SCENES[root]).cut == ()
    assert len(made.runs) >= 0.9 * len(lengths)
    for kind, parts in made.shares.items():
        assert abs(parts["test"] / sum(parts.values()) - 0.2) < 0.08, kind
