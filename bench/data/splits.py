"""Splits: named lists of stems with a hash, which shows whether two runs used the same one.

The datasets are cut from video: images with neighbouring numbers are similar, so a random split tests
on near-copies of training images. ``neighbour_leak`` and ``within`` say how much.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ivif_bench.data.base import Dataset
from ivif_bench.data.split import Split as Split
from ivif_bench.data.split import canonical_hash as canonical_hash
from ivif_bench.data.split_lists import is_coco, read_list, refuse_long, refuse_repeats
from ivif_bench.data.split_rules import parse_rule, split_by_rule
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import exists
from ivif_bench.registry import suggest
from ivif_bench.yaml_text import read_yaml

PARTS = ("train", "val", "test")
FAR = 25  # numbers; frames of one scene are often so near
_MOST = 1_000_000  # stems of a split; the largest public dataset has 100,000 pairs
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_SHIPPED = Path(__file__).parent / "split_files"


def overlap(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    """Stems that are in both lists, sorted; anything here makes a test on one of them void."""
    return tuple(sorted(set(first) & set(second)))


def neighbour_leak(split: Split) -> float:
    """Share of test stems whose next or previous number is in train, 0..1.

    Stems count as neighbours if the text before their last number is equal (``00004N``: 4,
    ``FLIR_00006``: 6 after ``FLIR_``). NaN without test stems.
    """
    return within(split, 1)


def within(split: Split, distance: int) -> float:
    """Share of test stems with a train stem at most ``distance`` numbers away, 0..1.

    The same number in both (``00004D`` and ``00004N``) is distance 0 and counts; stems without a
    number never do. NaN without test stems.
    """
    if not split.test:
        return float("nan")
    train: dict[str, list[int]] = {}
    for prefix, number in filter(None, map(numbered, split.train)):
        train.setdefault(prefix, []).append(number)
    for numbers in train.values():
        numbers.sort()
    near = 0
    for prefix, number in filter(None, map(numbered, split.test)):
        numbers = train.get(prefix, [])
        at = bisect.bisect_left(numbers, number - distance)
        near += at < len(numbers) and numbers[at] <= number + distance
    return near / len(split.test)


def leak_line(split: Split) -> str:
    """The leak of a split by number, as tables print it; empty without train or test."""
    if not (split.train and split.test):
        return ""
    if not any(map(numbered, split.test)):
        return "unknown, since the names of the test images have no numbers"
    return (
        f"{_percent(neighbour_leak(split))} of the test images have the next or previous number in "
        f"train, {_percent(within(split, FAR))} one within {FAR}"
    )


def _percent(share: float) -> str:
    return "less than 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def says_leak(line: str) -> bool:
    """Whether a line "Leak" of a table speaks of a leak, or says that it is unknown.

    Other lines are ``leak_line`` without any near image, and those that begin with "none".
    """
    if not line or line.startswith("none"):
        return False
    shares = [float(each) for each in re.findall(r"([0-9.]+)%", line)]
    return not shares or max(shares) > 0


def numbered(stem: str) -> tuple[str, int] | None:
    """The last number of a stem and the text before it."""
    found = re.fullmatch(r"(.*?)([0-9]+)[^0-9]*", stem)
    return (found[1], int(found[2])) if found else None


def resolve_split(dataset: Dataset, wanted: str | Mapping[str, str]) -> Split:
    """Find the split that a protocol or a user names, and check it against the dataset.

    Args:
        wanted: ``official`` (the layout's own parts), ``all`` (every pair is test), the name of a
            shipped split, a rule (``ivif_bench.data.split_rules``), the path of a split file (YAML
            with ``parts``), the path of a list as ``read_list`` reads it (its stems are test), or a
            mapping from part to such a path. A list may name pairs by the files of either side.

    Raises:
        UserError: unknown split, stems that the dataset lacks, or parts that overlap.
    """
    split = find_split(dataset, wanted)
    check_disjoint(split)
    for stems in split.parts.values():
        dataset.select(stems)
    return split


def check_disjoint(split: Split) -> None:
    """Refuse to judge on images that are trained on."""
    for line in shared_stems(split):
        raise UserError(f"{line}; results would be measured on training images")


def shared_stems(split: Split) -> list[str]:
    """A line for every two parts of a split that share stems; none for a valid split."""
    names = sorted(split.parts)
    lines = []
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            both = overlap(split.parts[first], split.parts[second])
            if both:
                lines.append(
                    f"split {split.name!r}: {first} and {second} share {len(both)} stems "
                    f"({first_few(both)})"
                )
    return lines


def find_split(dataset: Dataset, wanted: str | Mapping[str, str]) -> Split:
    """The split as ``resolve_split`` finds it, but unchecked: an audit lists what is wrong."""
    if not isinstance(wanted, str):
        _check_parts(wanted, "split lists")
        parts = {part: read_part(Path(path), dataset) for part, path in wanted.items()}
        return Split("user list", parts)
    if wanted == "all":
        return Split("all", {"test": tuple(pair.stem for pair in dataset.pairs)})
    if wanted == "official":
        return official_split(dataset)
    if (rule := parse_rule(wanted)) is not None:
        return split_by_rule(dataset, rule)
    split = lone_split(wanted)
    if wanted in shipped_splits() or set(split.parts) != {"test"}:
        return split
    return Split(split.name, {"test": _of_pairs(dataset, split.test, Path(wanted))})


def lone_split(wanted: str) -> Split:
    """A split that needs no dataset: a shipped name, a split file, or a list (its stems are test).

    Raises:
        UserError: neither a file nor a shipped split, or a rule, which divides a dataset's pairs.
    """
    if parse_rule(wanted) is not None:
        raise UserError(f"split {wanted!r} is a rule; it needs the dataset it divides")
    if wanted in shipped_splits():
        return read_split_file(_SHIPPED / f"{wanted}.yaml")
    path = Path(wanted)
    if not exists(path):
        known = ["official", "all", *shipped_splits()]
        raise UserError(
            f"unknown split {wanted!r}: neither a file nor a known split; {suggest(wanted, known)}"
        )
    if path.suffix in {".yaml", ".yml", ".json"} and not is_coco(path):
        return read_split_file(path)
    return Split(path.name, {"test": read_list(path)})


def read_part(path: Path, dataset: Dataset | None) -> tuple[str, ...]:
    """Stems of a list; one that names the files of a side gives the stems of the dataset's pairs."""
    return read_list(path) if dataset is None else _of_pairs(dataset, read_list(path), path)


def _of_pairs(dataset: Dataset, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    pairs = dataset.scan.pairs
    known = {pair.stem for pair in pairs}
    if known.issuperset(names):
        return names
    files = {file.stem: pair.stem for pair in pairs for file in (pair.infrared, pair.visible)}
    stems = [name if name in known else files.get(name, name) for name in names]
    refuse_repeats(stems, f"split list {path}: with the files of both sides it")
    return tuple(sorted(stems))


def official_split(dataset: Dataset) -> Split:
    """The layout's own train, val and test; other lists, such as TarDAL's ``pred``, are not judged.

    Raises:
        UserError: the layout has none.
    """
    found = dataset.official_splits()
    parts = {part: tuple(sorted(found[part])) for part in PARTS if part in found}
    if not parts:
        raise UserError(
            f"dataset {dataset.name!r} has no official split; name a shipped one "
            f"({', '.join(shipped_splits())}) or give a list with --split FILE"
        )
    return Split("official", parts)


def shipped_splits() -> list[str]:
    """Names of the splits that come with the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def read_split_file(path: Path) -> Split:
    """Read a split file: ``name``, ``parts`` (stems, ranges ``00000-00041``), their ``sha256``.

    Raises:
        UserError: unreadable, another form, a stem twice, or a part that is not what its declared
            sha256 (see ``canonical_hash``) says.
    """
    content = read_yaml(path, "split file")
    if not isinstance(content, dict) or not isinstance(content.get("parts"), dict):
        raise UserError(f"split file {path}: expected keys 'name' and 'parts'")
    _check_parts(content["parts"], f"split file {path}")
    parts: dict[str, tuple[str, ...]] = {}
    for part, items in content["parts"].items():
        stems = expand(items, f"split file {path}")
        refuse_repeats(stems, f"split file {path}: part {part!r}")
        parts[part] = tuple(sorted(stems))
    declared = content.get("sha256") or {}
    if not isinstance(declared, dict):
        raise UserError(f"split file {path}: 'sha256' must map a part to its hash")
    for part, expected in declared.items():
        if canonical_hash(parts.get(part, ())) != expected:
            raise UserError(
                f"split file {path}: part {part!r} does not have its declared sha256; "
                "the file was edited"
            )
    return Split(str(content.get("name", path.stem)), parts)


def _check_parts(parts: Mapping[Any, Any], where: str) -> None:
    for part in parts:
        if part not in PARTS:
            raise UserError(f"{where}: unknown part {part!r}; use {', '.join(PARTS)}")


def expand(items: Any, where: str) -> list[str]:
    """Stems of a list in YAML: quoted stems, and ranges such as ``00000-00041``.

    Args:
        where: the file, in front of messages.

    Raises:
        UserError: no list of texts, a range that runs backwards, or more than a million stems.
    """
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise UserError(f"{where}: stems must be quoted strings in a list ('00012', not 12)")
    stems: list[str] = []
    for item in items:
        found = _RANGE.fullmatch(item)
        if found is None or len(found[1]) != len(found[2]):
            stems.append(item)
            continue
        first, last = int(found[1]), int(found[2])
        if first > last:
            raise UserError(f"{where}: range {item!r} runs backwards")
        if len(stems) + last - first >= _MOST:
            raise UserError(f"{where}: range {item!r} makes more than {_MOST} stems")
        stems += [f"{number:0{len(found[1])}d}" for number in range(first, last + 1)]
    refuse_long(stems, where)
    return stems
