"""Splits: hashes, files, refusals, and how much of a test part has neighbours in train."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivif_bench.data.base import Dataset
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import (
    Split,
    canonical_hash,
    check_disjoint,
    neighbour_leak,
    overlap,
    read_split_file,
    resolve_split,
    shipped_splits,
    within,
)
from ivif_bench.errors import UserError
from ivif_bench.types import Pair

# sha256 of the sorted stems of DAMSDet's lists, as counted when they were published.
DAMSDET_TRAIN = "a0ea0e1172c8f85828e69807509957dfb56389311541b47334995b695a16630b"
DAMSDET_TEST = "e836cdb03b08ffb46a2068bcdbc7674a6c0e63a71938d55c44387b44347c65a7"


class Numbered(Dataset):
    """A dataset of stems without files."""

    def __init__(
        self, root: Path, stems: list[str], official: dict[str, Any] | None = None
    ) -> None:
        super().__init__(root, "numbered")
        self.stems = stems
        self.official = official or {}

    def _read_pairs(self) -> tuple[Pair, ...]:
        return tuple(Pair(self.name, stem, Path(), Path()) for stem in sorted(self.stems))

    def official_splits(self) -> dict[str, Any]:
        return self.official


def stems(*numbers: int) -> tuple[str, ...]:
    return tuple(f"{number:05d}" for number in numbers)


def test_the_canonical_hash_is_that_of_sort_and_sha256sum(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("00001\n00002\n00010\n")
    printed = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    assert canonical_hash(["00010", "00001", "00002"]) == printed.stdout.split()[0]


def test_the_split_hash_changes_with_any_part() -> None:
    split = Split("a", {"train": stems(1, 2), "test": stems(3)})
    assert split.sha256 == Split("b", {"test": stems(3), "train": stems(1, 2)}).sha256
    moved = Split("a", {"train": stems(1), "test": stems(2, 3)})
    swapped = Split("a", {"test": stems(1, 2), "train": stems(3)})
    assert len({split.sha256, moved.sha256, swapped.sha256}) == 3


@pytest.mark.slow
def test_the_shipped_split_is_damsdets(tmp_path: Path) -> None:
    assert shipped_splits() == ["m3fd-damsdet"]
    dataset = Numbered(tmp_path, list(stems(*range(4200))))
    split = resolve_split(dataset, "m3fd-damsdet")
    assert (len(split.train), len(split.test)) == (3368, 831)
    assert set(stems(*range(4200))) - set(split.train) - set(split.test) == {"01300"}
    assert canonical_hash(split.train) == DAMSDET_TRAIN
    assert canonical_hash(split.test) == DAMSDET_TEST


@pytest.mark.golden
@pytest.mark.parametrize(
    ("train", "test", "leak", "near"),
    [
        ("damsdet_train", "damsdet_val", 4.8, 82.6),
        ("rgbxfusion_train", "rgbxfusion_test", 86.0, 100.0),
        ("wmnet_train", "wmnet_val", 90.7, 100.0),
    ],
)
def test_leak_shares_of_published_lists(
    shared: Path, train: str, test: str, leak: float, near: float
) -> None:
    folder = shared / "data" / "M3FD_meta"
    parts = {"train": read_list(folder / f"{train}.txt"), "test": read_list(folder / f"{test}.txt")}
    split = Split("published", parts)
    assert round(100 * neighbour_leak(split), 1) == leak
    assert round(100 * within(split, 25), 1) == near


@pytest.mark.golden
def test_published_lists_contradict_each_other(shared: Path) -> None:
    folder = shared / "data" / "M3FD_meta"
    test = read_list(folder / "rgbxfusion_test.txt")
    assert len(overlap(test, read_list(folder / "damsdet_train.txt"))) == 697
    assert len(overlap(test, read_list(folder / "wmnet_train.txt"))) == 609


numbers = st.sets(st.integers(0, 60), max_size=25)


@given(numbers, numbers, st.integers(0, 10))
def test_within_equals_the_definition(train: set[int], test: set[int], distance: int) -> None:
    split = Split("s", {"train": stems(*train), "test": stems(*test)})
    if not test:
        assert math.isnan(within(split, distance))
        return
    near = sum(any(abs(one - other) <= distance for other in train) for one in test)
    assert within(split, distance) == near / len(test)


@pytest.mark.parametrize(
    ("train", "test", "leak"),
    [
        ("00003N", "00004N", 1.0),
        ("00003D", "00004N", 1.0),  # the letter says day or night, not another sequence
        ("FLIR_00006", "FLIR_00007", 1.0),
        ("east_0006", "west_0007", 0.0),
        ("harbour", "harbour2", 0.0),
        ("00003N", "00005N", 0.0),
    ],
)
def test_neighbours_are_numbers_after_the_same_text(train: str, test: str, leak: float) -> None:
    assert neighbour_leak(Split("s", {"train": (train,), "test": (test,)})) == leak


def test_lists_cut_folders_extensions_comments_and_blanks(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeff00002.png\r\n  # note\n\nir/00001.XML\nvi\\00000\nframe.01\n".encode())
    assert read_list(path) == ("00000", "00001", "00002", "frame.01")


def test_a_list_that_repeats_a_stem_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("00001\n00002\n00001.png\n")
    with pytest.raises(UserError, match=rf"{path} names stems twice: 00001$"):
        read_list(path)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read split list .*absent\.txt"):
        read_list(tmp_path / "absent.txt")


def split_file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    return path


def test_a_split_file_holds_stems_and_ranges(tmp_path: Path) -> None:
    path = split_file(
        tmp_path, 'parts: {train: ["00009-00011", "a-b", "00001D"], test: ["1-10"]}\n'
    )
    split = read_split_file(path)
    assert split.name == "mine"
    assert split.train == ("00001D", "00009", "00010", "00011", "a-b")
    assert split.test == ("1-10",)  # unequal lengths: a stem, not a range
    assert split.val == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("parts: [", "not valid YAML"),
        ("name: x\n", "expected keys"),
        ("parts: {test: [12]}\n", "quoted strings"),
        ("parts: {test: null}\n", "quoted strings"),
        ('parts: {test: "00001"}\n', "quoted strings"),
        ('parts: {tset: ["00001"]}\n', "unknown part 'tset'; use train, val, test"),
        ('parts: {test: ["00005-00001"]}\n', "'00005-00001' runs backwards"),
        ('parts: {test: ["00001-00003", "00002"]}\n', "names stems twice: 00002"),
        ('parts: {test: ["00001"]}\nsha256: {test: abc}\n', "declared sha256"),
        ('parts: {test: ["00001"]}\nsha256: {train: abc}\n', "declared sha256"),
        ('parts: {test: ["00001"]}\nsha256: abc\n', "must map a part"),
    ],
)
def test_a_wrong_split_file_says_why_in_one_line(content: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says) as caught:
        read_split_file(split_file(tmp_path, content))
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_overlapping_parts_are_refused_by_stem() -> None:
    split = Split("s", {"train": stems(1, 2), "val": stems(3), "test": stems(2, 4)})
    with pytest.raises(UserError, match=r"test and train share 1 stems \(00002\)"):
        check_disjoint(split)


def test_resolving_all_official_files_lists_and_mappings(tmp_path: Path) -> None:
    official = {"train": stems(2, 1), "test": stems(3), "pred": stems(1, 2, 3)}
    dataset = Numbered(tmp_path, list(stems(1, 2, 3, 4)), official)
    assert resolve_split(dataset, "all").test == stems(1, 2, 3, 4)
    found = resolve_split(dataset, "official")
    assert found.parts == {"train": stems(1, 2), "test": stems(3)}  # pred is not judged
    lists = {part: tmp_path / f"{part}.txt" for part in ("train", "test")}
    lists["train"].write_text("00001\n")
    lists["test"].write_text("00004\n")
    assert resolve_split(dataset, str(lists["test"])).test == stems(4)
    both = resolve_split(dataset, {part: str(path) for part, path in lists.items()})
    assert (both.train, both.test) == (stems(1), stems(4))
    with pytest.raises(UserError, match="unknown part 'trian'"):
        resolve_split(dataset, {"trian": str(lists["train"])})


def test_a_split_with_stems_that_the_dataset_lacks_is_refused(tmp_path: Path) -> None:
    dataset = Numbered(tmp_path, list(stems(1)))
    with pytest.raises(UserError, match="lacks stems"):
        resolve_split(dataset, "m3fd-damsdet")


def test_unknown_and_absent_splits_say_what_there_is(tmp_path: Path) -> None:
    dataset = Numbered(tmp_path, list(stems(1)))
    with pytest.raises(UserError, match="did you mean m3fd-damsdet"):
        resolve_split(dataset, "m3fd-damsdett")
    with pytest.raises(UserError, match="has no official split"):
        resolve_split(dataset, "official")
