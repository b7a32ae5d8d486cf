"""Keys of detection results: they follow what decides a number, and nothing else."""

import json
from dataclasses import replace

import pytest
import yaml
from fake_detector import (
    SPEC,
    TEST,
    TRAIN,
    Bench,
)
from pydantic import ValidationError

from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.tasks.detection.adapter import DetectionAdapter
from ivif_bench.tasks.detection.registry import DETECTORS


def test_keys_follow_everything_that_decides_a_result_and_nothing_else(bench: Bench) -> None:
    def keys(**section: object) -> list[str]:
        return [unit.key for unit in bench.plan(**section)]

    protocol = bench.protocol()
    first = keys(protocol=protocol)
    assert keys(protocol=protocol) == first
    assert keys(protocol=protocol, seeds=(0, 1))[0] == first[0]  # more seeds redo nothing
    assert keys(protocol=protocol, threads=2) != first
    assert keys(protocol=bench.protocol("b.yaml", inference={"threshold": 0.2})) != first
    xml = bench.dataset.by_stem["00003"].annotation
    assert xml is not None
    xml.write_bytes(xml.read_bytes() + b"\n")
    annotated = keys(protocol=protocol)
    assert not set(annotated) & set(first)
    bench.method("good", 201)
    changed = keys(protocol=protocol)
    assert changed[0] != annotated[0]
    assert changed[1] == annotated[1]


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"corner_origin": 0}},
        {"options": {"ignore_classes": ["Lamp"]}},
        {"layout": "m3fd-tardal"},
    ],
    ids=["option", "other option", "layout"],
)
@pytest.mark.parametrize("mode", ["retrain", "released"])
def test_how_labels_are_read_is_part_of_every_key(
    bench: Bench, change: dict[str, object], mode: str
) -> None:
    weights = bench.folder / "w.pt"
    weights.write_text("x")
    protocol = bench.protocol(mode=mode, initial=str(weights))
    first = bench.plan(protocol=protocol)[0]
    bench.ref = replace(bench.ref, **change)
    other = bench.plan(protocol=protocol)[0]
    assert other.key != first.key
    assert other.payload["training_key"] != first.payload["training_key"]


def test_another_version_of_a_detector_trains_and_judges_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.plan(protocol=bench.protocol())[0]
    monkeypatch.setitem(DETECTORS.specs(), "fake", replace(SPEC, version=2))
    other = bench.plan(protocol=bench.protocol())[0]
    assert other.key != first.key
    assert other.payload["training_key"] != first.payload["training_key"]


def test_another_version_of_the_scoring_judges_again_but_trains_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.plan(protocol=bench.protocol())[0]
    monkeypatch.setattr(DetectionAdapter, "version", 1)
    other = bench.plan(protocol=bench.protocol())[0]
    assert other.key != first.key
    assert other.payload["training_key"] == first.payload["training_key"]


def test_seeds_added_later_reuse_results_and_all_units_say_the_same(bench: Bench) -> None:
    protocol = bench.protocol()
    first = bench.plan(protocol=protocol, seeds=(0,))[0]
    more = bench.plan(protocol=protocol, seeds=(0, 1, 2))[:3]
    assert more[0].key == first.key
    assert more[0].about.protocol_sha256 != first.about.protocol_sha256
    assert len({unit.about.training for unit in more}) == 3  # each seed has a training of its own
    said = [replace(unit.about, training="") for unit in more]
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize("seeds", [(), (-1,), (1, 1)])
def test_seeds_are_different_numbers_from_0(bench: Bench, seeds: tuple[int, ...]) -> None:
    with pytest.raises((UserError, ValidationError), match="seed"):
        bench.check(protocol=bench.protocol(), seeds=seeds)


@pytest.mark.parametrize("how", ["section", "protocol", "yaml in the protocol"])
def test_where_a_split_file_lies_does_not_change_keys_or_hashes(bench: Bench, how: str) -> None:
    units = []
    for place in ("here", "there"):
        path = bench.folder / place / "mine.yaml"
        parts = {"train": list(TRAIN), "test": list(TEST)}
        write_bytes(path, yaml.safe_dump({"name": "mine", "parts": parts}).encode())
        if how == "section":
            units.append(bench.plan(protocol=bench.protocol(), split=str(path))[0])
        else:
            units.append(bench.plan(protocol=bench.protocol(split=str(path)))[0])
    assert units[0].about == units[1].about
    assert units[0].key == units[1].key


def test_where_weights_lie_does_not_change_keys_or_hashes_but_what_they_hold_does(
    bench: Bench,
) -> None:
    units = []
    for place, content in (("here", b"a"), ("there", b"a"), ("elsewhere", b"b")):
        path = bench.folder / place / "w.safetensors"
        write_bytes(path, content)
        units.append(bench.plan(protocol=bench.protocol(initial=str(path)))[0])
    assert units[0].about == units[1].about
    assert units[0].key == units[1].key
    assert units[2].key != units[0].key
    assert units[2].about.network != units[0].about.network
    assert str(bench.folder) not in json.dumps([unit.about.to_json() for unit in units])


def test_where_split_lists_lie_does_not_change_keys_or_hashes(bench: Bench) -> None:
    units = []
    for place in ("here", "there"):
        lists = {}
        for part, stems in (("train", TRAIN), ("test", TEST)):
            path = bench.folder / place / f"{part}.txt"
            write_bytes(path, "\n".join(stems).encode())
            lists[part] = str(path)
        units.append(bench.plan(protocol=bench.protocol(), split=lists)[0])
    official = bench.plan(protocol=bench.protocol())[0]
    assert units[0].key == units[1].key == official.key
    assert units[0].about == units[1].about


def test_thresholds_do_not_train_again_and_other_options_of_inference_do(bench: Bench) -> None:
    first = bench.plan(protocol=bench.protocol())[0]
    for option, trains in (("threshold", False), ("gain", True)):
        other = bench.plan(protocol=bench.protocol("b.yaml", inference={option: 0.2}))[0]
        assert first.key != other.key
        assert (first.payload["training_key"] != other.payload["training_key"]) == trains
