"""Foreign content in the files of a run directory, and numbers too large for the demo and patterns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hostile import outcome
from small_runs import ivif, write_config, write_pairs

from ivif_bench.data.demo import write_detection
from ivif_bench.data.patterns import filled
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints, file_mark
from ivif_bench.fusion_models.precomputed import Precomputed
from ivif_bench.fusion_models.training.images import read_sources
from ivif_bench.kept import read_kept
from ivif_bench.memory import Memory
from ivif_bench.origins import Origins
from ivif_bench.pipeline.costs import Costs
from ivif_bench.pipeline.sizes import Sizes
from ivif_bench.reports.frame import load_run

pytestmark = pytest.mark.timeout(120)

FOREIGN: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello",
    "zeros": bytes(1000),
    "no UTF-8": b"\xff\xfe\xfa",
    "a list": b"[1, 2]",
    "a number": b"1",
    "null": b"null",
    "an unfinished object": b'{"a": ',
    "lists in each other": b"[" * 100_000,
    "objects in each other": b'{"a":' * 100_000,
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "values of other types": b'{"a": [1], "b": {"c": 1}, "d": null, "e": 1e999, "f": NaN}',
    "another program's": b'{"version": 3, "sources": ["a.js"], "units": "none", "methods": {"a": 1}}',
    "surrogates": b'{"\\ud800": "\\ud800"}',
}
_UNIT = {
    "task": "quality", "dataset": "d", "method": "m", "protocol": "p", "seed": 0, "key": "k",
    "result": "r.parquet", "fused": "f",
}  # fmt: skip


@pytest.mark.parametrize("case", FOREIGN)
def test_caches_ignore_foreign_content(case: str, tmp_path: Path) -> None:
    cache, file = tmp_path / "cache.jsonl", tmp_path / "file"
    cache.write_bytes(FOREIGN[case])
    file.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert Fingerprints(cache)(file) == known
    assert Fingerprints(cache).many([file, file]) == [known, known]
    assert Memory(cache, lambda value: False).known == {}
    assert Costs(cache).of("quality/none", gpu=False) is None
    assert Sizes(cache).known(known) is False
    assert read_kept(tmp_path, int, Origins()) == {}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_cache_with_foreign_content_is_used_again(case: str, tmp_path: Path) -> None:
    path = tmp_path / "cache.jsonl"
    path.write_bytes(FOREIGN[case])
    memory = Memory(path, lambda value: isinstance(value, bool))
    memory.put("key", True)
    assert memory.save()
    assert Memory(path, lambda value: isinstance(value, bool)).known == {"key": True}


@pytest.mark.parametrize("value", ["rules 2, axb", "rules 2, 1x", "rules 2, ²x²", "3x4", 1, None])
def test_sizes_that_are_none_are_ignored(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "sizes.jsonl"
    path.write_text(json.dumps({"a": value, "b": "rules 2, 3x4"}))
    sizes = Sizes(path)
    assert not sizes.known("a")
    assert sizes("b") == "3x4"


def test_a_hash_with_another_mark_is_ignored(tmp_path: Path) -> None:
    file, cache = tmp_path / "file", tmp_path / "cache.jsonl"
    file.write_bytes(b"abc")
    cache.write_text(json.dumps({str(file): f"0{file_mark(file)} {'0' * 64}"}))
    assert Fingerprints(cache)(file).startswith("ba7816bf")


@pytest.mark.parametrize("case", FOREIGN)
def test_a_report_refuses_a_foreign_plan(case: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(FOREIGN[case])
    assert "plan.json: " in outcome(lambda: load_run(tmp_path))


@pytest.mark.parametrize(
    "units",
    [
        None, 1, "a", [1], [None], [{}], {"a": 1}, [{**_UNIT, "seed": "x"}], [{**_UNIT, "seed": None}],
        [{**_UNIT, "method": "other"}], [_UNIT, _UNIT], [{**_UNIT, "about": 1}],
        [{**_UNIT, "seed": 1e999}],
    ],
)  # fmt: skip
def test_a_report_refuses_a_plan_with_other_units(units: Any, tmp_path: Path) -> None:
    plan = {"name": "a", "methods": [{"name": "m"}], "units": units}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert "plan.json: " in outcome(lambda: load_run(tmp_path))


@pytest.mark.slow
def test_a_run_replaces_foreign_files_of_its_directory(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 2, (72, 96))
    folder = tmp_path / "runs" / "small"
    (folder / "cache").mkdir(parents=True)
    for index, name in enumerate(
        ("fingerprints.jsonl", "checked.jsonl", "sizes.jsonl", "costs.json")
    ):
        (folder / "cache" / name).write_bytes(list(FOREIGN.values())[8 + index])
    foreign = {"units": [{"task": ["x"], "dataset": {}}], "methods": 1}
    (folder / "plan.json").write_text(json.dumps(foreign))
    config = write_config(
        tmp_path, methods=["visible"], quality={"dataset": "pairs", "metrics": ["EN"]}
    )
    ended = ivif("run", config, timeout=100)
    assert ended.returncode == 0, ended.stderr
    assert [unit["method"] for unit in json.loads((folder / "plan.json").read_text())["units"]] == [
        "visible"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"size": (100_000, 100_000)}, "sides must be 96 to 4096 pixels"),
        ({"size": (10**30, 96)}, "sides must be 96 to 4096 pixels"),
        ({"size": (96, 0)}, "sides must be 96 to 4096 pixels"),
        ({"size": (96, -96)}, "sides must be 96 to 4096 pixels"),
        ({"train": 10**10}, "at most 100000 scenes"),
        ({"test": 100_001}, "at most 100000 scenes"),
        ({"train": -1}, "must be >= 0"),
        ({"seed": -1}, "must be >= 0"),
    ],
)
def test_demos_that_would_not_end(changes: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=expected):
        write_detection(tmp_path / "demo", **{"train": 0, "test": 1, "seed": 0, **changes})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", FOREIGN)
def test_a_folder_with_a_foreign_marker_is_no_demo(case: str, tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_bytes(FOREIGN[case])
    with pytest.raises(ValueError, match=r"demo\.json|was made with"):
        write_detection(tmp_path, train=0, test=1, seed=0)


@pytest.mark.parametrize("count", ["0", "-1", "1e3", "²", "٣" * 9, "100001", "9" * 5000, "", "1.5"])
def test_counts_of_drawn_scenes(count: str) -> None:
    assert "expected a number of drawn scenes" in outcome(lambda: read_sources([f"demo={count}"]))


@pytest.mark.parametrize(
    ("pattern", "stem", "expected"),
    [
        ("out", "00001", "out/00001.png"),
        ("out/", "00001", "out/00001.png"),
        ("out/{stem}.jpg", "00001", "out/00001.jpg"),
        ("out/{dataset}/{stem}_fused.png", "a{b}", "out/m3fd/a{b}_fused.png"),
        ("out/{stem:05d}.png", "7", "out/00007.png"),
        ("out/{stem:03d}.png", "00012", "out/012.png"),
        ("out/{stem:02d}.png", "1234", "out/1234.png"),
        ("out/{{a}}/{stem}.png", "x", "out/{a}/x.png"),
        ("out/{stem}/{stem}.png", "{dataset}", "out/{dataset}/{dataset}.png"),
    ],
)
def test_patterns_that_name_a_file(pattern: str, stem: str, expected: str) -> None:
    assert str(Precomputed(root=pattern).locate("m3fd", stem)) == expected


@pytest.mark.parametrize("stem", ["a", "", "²", "٣", "-1", "1.0", "9" * 5000])
def test_a_stem_that_is_no_number_has_no_digits(stem: str) -> None:
    with pytest.raises(UserError, match="needs stems that are numbers"):
        filled("{stem:05d}.png", stem)


@pytest.mark.parametrize(
    "text", ["a\nb", "a\x1b[31mb", "a\x00b", "a\u2028b", "a\udcffb", "a\x85b", "a" * 10_000_000]
)
def test_a_message_is_one_line_whatever_it_quotes(text: str) -> None:
    message = str(UserError(text))
    assert len(message.splitlines()) == 1
    assert len(message) < 5000
    assert "\x1b" not in message
    assert message.encode()
