"""Splits by rule: random ones anybody can repeat, and scene-disjoint ones that are made once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from drawn_runs import write_runs

from ivif_bench.data import scene_split as rule
from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.data.split_rules import parse_rule
from ivif_bench.data.splits import lone_split, resolve_split
from ivif_bench.errors import UserError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "M3FD_Detection"
    write_runs(folder, [9, 3, 7, 1, 6], 0)
    return folder


@pytest.fixture
def dataset(root: Path) -> Dataset:
    return open_dataset("m3fd", root)


@pytest.mark.slow
def test_a_random_split_takes_the_stems_with_the_smallest_hashes(dataset: Dataset) -> None:
    found = resolve_split(dataset, "random:test=0.2,seed=3")
    stems = [pair.stem for pair in dataset.pairs]
    hashes = {hashlib.sha256(b"3:" + stem.encode()).hexdigest(): stem for stem in stems}
    expected = [hashes[key] for key in sorted(hashes)][: round(0.2 * len(stems))]
    assert found.test == tuple(sorted(expected))
    assert set(found.train) == set(stems) - set(expected)
    assert found.sha256 != resolve_split(dataset, "random:test=0.2").sha256  # seed 0


def test_a_scene_split_is_that_of_the_command_and_is_made_once(
    root: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    expected = rule.scene_split(dataset, "any", test=0.3, seed=1).split
    found = resolve_split(dataset, "scenes:test=0.3,seed=1")
    assert found.sha256 == expected.sha256
    assert found.name == "scenes:test=0.3,seed=1"

    def made_again(*_: object, **__: object) -> None:
        raise AssertionError("the images were read again")

    monkeypatch.setattr(rule, "scene_split", made_again)
    assert resolve_split(open_dataset("m3fd", root), "scenes:test=0.3,seed=1") == found
    changed = next((root / "Vis").iterdir())
    changed.write_bytes(
        changed.read_bytes()
    )  # another time: another picture, for all that is known
    with pytest.raises(AssertionError, match="read again"):
        resolve_split(open_dataset("m3fd", root), "scenes:test=0.3,seed=1")


@pytest.mark.parametrize(
    "text",
    ["random:", "random:test=2", "random:seed=1", "scenes:test=0.2,seed=-1", "scenes:test=.2,x=1"],
)
def test_a_rule_with_other_arguments_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"such as scenes:test=0\.2,seed=0$"):
        parse_rule(text)


def test_a_rule_needs_a_dataset_of_more_than_one_pair(dataset: Dataset) -> None:
    with pytest.raises(UserError, match="needs the dataset"):
        lone_split("random:test=0.2")
    with pytest.raises(UserError, match="too few"):
        resolve_split(dataset, "random:test=0.001")
