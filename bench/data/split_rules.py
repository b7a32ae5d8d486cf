"""Splits that a rule makes of a dataset's own pairs: ``RULE:test=SHARE,seed=NUMBER``.

* ``random``: stems in the order of the sha256 of ``"SEED:STEM"``; the first ones, to the nearest whole
  number, are test. It is what most papers do, and puts near-copies of training images into the test.
* ``scenes``: whole runs of similar frames on one side, as ``ivif-bench data split`` makes it with the
  same numbers (``ivif_bench.data.scene_split``). That reads all images; the result is cached by the sizes
  and times of the files.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from ivif_bench.data.base import Dataset
from ivif_bench.data.split import Split
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import file_mark
from ivif_bench.memory import Memory, user_memory

Kind = Literal["random", "scenes"]

RANDOM_RULE = 1  # raised when the same stems and arguments give another random split
_EXAMPLE = "such as scenes:test=0.2,seed=0"


@dataclass(frozen=True, slots=True)
class SplitRule:
    """A rule with its arguments.

    Attributes:
        test: share of the pairs that are test, above 0 and below 1.
        seed: 0 or more.
    """

    kind: Kind
    test: float
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}:test={self.test:g},seed={self.seed}"


def parse_rule(text: str) -> SplitRule | None:
    """The rule that a text names; None if it names none.

    Raises:
        UserError: a rule with other arguments than a share and a seed.
    """
    kind, colon, arguments = text.partition(":")
    if not colon or kind not in get_args(Kind):
        return None
    values = {}
    for part in arguments.split(","):
        key, _, value = part.partition("=")
        values[key.strip()] = value.strip()
    try:
        test, seed = float(values.pop("test")), int(values.pop("seed", "0"))
    except (KeyError, ValueError) as problem:
        raise UserError(f"split {text!r}: expected a share and a seed, {_EXAMPLE}") from problem
    if values or not 0 < test < 1 or seed < 0:
        raise UserError(
            f"split {text!r}: test is a share above 0 and below 1, seed 0 or more, {_EXAMPLE}"
        )
    return SplitRule(cast(Kind, kind), test, seed)


def split_by_rule(dataset: Dataset, rule: SplitRule) -> Split:
    """Divide the pairs of a dataset by a rule.

    Raises:
        UserError: too few pairs, or a file that cannot be read.
    """
    if rule.kind == "random":
        return _random(dataset, rule)
    return _scenes(dataset, rule)


def _random(dataset: Dataset, rule: SplitRule) -> Split:
    def drawn(stem: str) -> str:
        return hashlib.sha256(f"{rule.seed}:{stem}".encode()).hexdigest()

    stems = sorted((pair.stem for pair in dataset.pairs), key=drawn)
    count = math.floor(rule.test * len(stems) + 0.5)
    if not 0 < count < len(stems):
        raise UserError(f"split '{rule}': {len(stems)} pairs are too few for two parts")
    parts = {"train": stems[count:], "test": stems[:count]}
    return Split(str(rule), {part: tuple(sorted(found)) for part, found in parts.items()})


def _scenes(dataset: Dataset, rule: SplitRule) -> Split:
    from ivif_bench.data.scene_split import RULE, scene_split

    memory = Memory(user_memory("splits", "scenes.jsonl"), _is_split)
    key = _key(dataset, rule, RULE)
    parts = memory.known.get(key)
    if parts is None:
        made = scene_split(dataset, str(rule), rule.test, seed=rule.seed).split
        parts = {part: list(stems) for part, stems in made.parts.items()}
        if key == _key(dataset, rule, RULE):  # the files that were read
            memory.put(key, parts)
            memory.save()
    return Split(str(rule), {part: tuple(stems) for part, stems in parts.items()})


def _key(dataset: Dataset, rule: SplitRule, version: int) -> str:
    """Hash of the rule, of how the dataset is read, and of the marks of every file that is read."""
    files = [
        [pair.stem, list(pair.tags)]
        + [
            [str(path.absolute()), file_mark(path)]
            for path in (pair.infrared, pair.visible, pair.annotation, pair.mask)
            if path is not None and path.is_file()
        ]
        for pair in dataset.pairs
    ]
    about = [version, str(rule), type(dataset).__qualname__, repr(dataset.options), files]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _is_split(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"train", "test"}
        and all(isinstance(stems, list) for stems in value.values())
        and all(isinstance(stem, str) for stems in value.values() for stem in stems)
    )
