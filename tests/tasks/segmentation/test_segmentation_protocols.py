"""Protocols: all shipped ones load, published hashes stand, mistakes are named."""

from __future__ import annotations

import pytest
import yaml

from ivif_bench.data.base import LAYOUTS
from ivif_bench.errors import UserError
from ivif_bench.protocol import shipped_protocols
from ivif_bench.tasks.segmentation.protocol import (
    SHIPPED_PROTOCOLS,
    SegmentationProtocol,
    load_protocol,
)
from ivif_bench.tasks.segmentation.registry import SEGMENTERS


def content_of(name):
    return yaml.safe_load((SHIPPED_PROTOCOLS / f"{name}.yaml").read_text())


def edited(name, **changes):
    """A shipped protocol, in its file's format, with other values."""
    return SegmentationProtocol.from_file(content_of(name) | changes)


@pytest.mark.parametrize("name", shipped_protocols(SHIPPED_PROTOCOLS))
def test_shipped_protocol_is_consistent_with_its_name_network_and_dataset(name):
    protocol = load_protocol(name)
    assert protocol.name == name
    layout = LAYOUTS.load(protocol.layout)
    assert protocol.classes == layout.segmentation_classes
    assert protocol.network in SEGMENTERS.specs()
    for mean, left_out in protocol.means.items():
        assert mean == f"mIoU{len(protocol.classes) - len(left_out)}"
        assert left_out in ((), ("unlabelled",))
    if protocol.layout != "fmb":
        assert set(protocol.means) == {"mIoU9", "mIoU8"}
        assert protocol.conditions == ("day", "night")


def test_second_versions_start_from_imagenet_and_ask_for_every_score():
    for name in ("msrs-seg.v2", "msrs-seg-deeplab.v2", "msrs-seg-frozen-visible.v1", "fmb-seg.v1"):
        protocol = load_protocol(name)
        assert (protocol.initial, protocol.transfer) == ("user", "backbone")
        assert protocol.scores == ("mAcc", "FWIoU", "boundary")
        assert protocol.checkpoint == "last"
    assert load_protocol("mfnet-seg.v1").void == "mfnet"
    assert load_protocol("msrs-seg-frozen-visible.v1").train_on == "visible"
    several = load_protocol("msrs-seg-paper-tta.v1").inference
    assert several.summary == "test-time augmentation (scales 1, 1.1, 1.2, 1.3 and mirrored)"


def test_views_at_test_time_train_nothing_again_and_are_not_hashed_where_there_is_one():
    plain, several = load_protocol("msrs-seg.v2"), load_protocol("msrs-seg-paper-tta.v1")
    training = plain.recipe["mmseg"].training
    recipe = {"mmseg": {"inference": several.inference, "training": training}}
    assert plain.override(recipe=recipe).training_part == plain.training_part
    assert plain.override(recipe=recipe).unit_sha256 != plain.unit_sha256
    options = plain.values()["recipe"]["mmseg"]
    assert not {"scales", "flip", "window", "stride"} & set(options["inference"])
    assert "precision" not in options["training"]


def test_only_the_sample_admits_to_pseudo_labels_and_it_brings_no_split():
    admits = {
        name for name in shipped_protocols(SHIPPED_PROTOCOLS) if load_protocol(name).pseudo_labels
    }
    assert admits == {"sample-seg.v1"}
    assert load_protocol("sample-seg.v1").split == "given"


def test_every_field_but_the_seeds_decides_a_unit():
    protocol = load_protocol("msrs-seg.v1")
    more = protocol.override(seeds=(0, 1, 2, 3))
    assert more.unit_sha256 == protocol.unit_sha256
    assert more.sha256 != protocol.sha256
    assert protocol.override(void="false-positive").unit_sha256 != protocol.unit_sha256


def test_judging_otherwise_does_not_train_again_but_every_training_value_does():
    protocol = load_protocol("msrs-seg.v1")
    same = protocol.override(void="false-positive", means={"mIoU9": ()}, pseudo_labels=True)
    assert same.training_part == protocol.training_part
    for change in (
        {"lr": 2e-4},
        {"chroma": "none"},
        {"crop_size": (320, 320)},
        {"iterations": 20001},
        {"segmenter": "segformer-b0"},
        {"photometric_distortion": False},
        {"ignore_index": 254},
    ):
        assert edited("msrs-seg.v1", **change).training_part != protocol.training_part, change


def test_hash_does_not_depend_on_the_order_of_keys_or_on_the_path(tmp_path):
    protocol = load_protocol("demo-seg.v1")
    content = content_of("demo-seg.v1")
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(dict(reversed(content.items())), sort_keys=False))
    assert load_protocol(str(path)).sha256 == protocol.sha256


def test_misspelt_names_and_keys_get_a_suggestion(tmp_path):
    with pytest.raises(UserError, match=r"did you mean .*msrs-seg\.v"):
        load_protocol("msrs-seg.v9")
    content = content_of("demo-seg.v1")
    content["itertions"] = content.pop("iterations")
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"mine\.yaml: .*iter"):
        load_protocol(str(path))
    content["iterations"] = 3000
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match="itertions: unknown key; did you mean iterations"):
        load_protocol(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "frozen"}, "retrain"),
        ({"warmup": 10**6}, "warmup"),
        ({"means": {"m": ("bus",)}}, "bus"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"seeds": (0, -1)}, "seeds.1"),
        ({"crop_size": (480, 16)}, r"crop_size\.1: .*32"),
        ({"image_size": (480, 16)}, r"image_size\.1: .*32"),
        ({"iterations": "20000"}, "iterations: "),
        ({"ignore_index": 3}, "ignore_index"),
        ({"ratio_range": (2.0, 0.5)}, "ratio_range"),
        ({"mode": "frozen", "train_on": "nothing"}, "initial"),
        ({"lr": 0}, "lr"),
    ],
)
def test_contradictions_are_refused_in_one_line_that_names_them(change, message):
    with pytest.raises(UserError, match=message) as caught:
        edited("msrs-seg.v1", **change)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_protocol_is_a_user_error(tmp_path):
    path = tmp_path / "bad.yaml"
    for text in ("a: [", "- just\n- a list", ""):
        path.write_text(text)
        with pytest.raises(UserError) as caught:
            load_protocol(str(path))
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"gone\.yaml"):
        load_protocol(str(tmp_path / "gone.yaml"))
