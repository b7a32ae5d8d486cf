"""Configuration files of mmsegmentation: read as values, never run; any network through a protocol."""

from __future__ import annotations

import numpy as np
import pytest

from ivif_bench.errors import UserError
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS
from ivif_bench.tasks.segmentation.segmenters._mmseg_config import built_model, read_model

BASE = """
'''A base.'''
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    pretrained='open-mmlab://resnet18_v1c',
    data_preprocessor=dict(type='SegDataPreProcessor'),
    backbone=dict(
        type='ResNetV1c', depth=18, num_stages=4, out_indices=(0, 1, 2, 3), dilations=(1,) * 4,
        strides=(1, 2, 2, 2), norm_cfg=norm_cfg, style='pytorch', contract_dilation=True,
        init_cfg=dict(type='Pretrained', checkpoint='https://example.org/x.pth')),
    decode_head=dict(
        type='UPerHead', in_channels=[64, 128, 256, 512], in_index=[0, 1, 2, 3], pool_scales=(1, 2),
        channels=16, dropout_ratio=0.1, num_classes=19, norm_cfg=norm_cfg, align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=2 * 0.5)),
    auxiliary_head=[dict(
        type='FCNHead', in_channels=256, in_index=2, channels=8, num_convs=1, concat_input=False,
        num_classes=19, norm_cfg=norm_cfg, align_corners=False)],
    test_cfg=dict(mode='slide'))
"""
OWN = """
_base_ = ['./base.py']
crop = (64, 64)
model = dict(decode_head=dict(channels=24, dropout_ratio=0), backbone=dict(norm_eval=True))
optimizer = dict(type='SGD', lr=-1e-2)
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "own.py"


def protocol(**inference):
    demo = SegmentationProtocol.load("demo-seg.v1").model_dump(mode="json")
    training = {**demo["recipe"]["mmseg"]["training"], "iterations": 3, "warmup": 1, "batch": 2}
    recipe = {"inference": {"image_size": [64, 64], **inference}, "training": training}
    training["crop_size"] = [64, 64]
    content = {**demo, "format": 2, "initial": "scratch", "network": "mmseg-config"}
    return SegmentationProtocol.from_file({**content, "recipe": {"mmseg-config": recipe}})


def test_a_file_is_merged_with_its_base_and_loses_weights_data_and_schedule(file):
    model = read_model(file)
    assert model["decode_head"]["channels"] == 24
    assert model["decode_head"]["in_channels"] == [64, 128, 256, 512]
    assert model["backbone"] | {"norm_eval": True, "dilations": [1, 1, 1, 1]} == model["backbone"]
    assert not {"pretrained", "data_preprocessor", "test_cfg"} & set(model)
    assert "init_cfg" not in model["backbone"]
    assert model["backbone"]["norm_cfg"] == {"type": "BN", "requires_grad": True}
    made = built_model(model, 9)
    assert [head["num_classes"] for head in (made["decode_head"], *made["auxiliary_head"])] == [
        9,
        9,
    ]
    assert made["decode_head"]["loss_decode"]["avg_non_ignore"] is True


def test_the_content_is_in_the_protocol_and_its_place_is_not(file, tmp_path):
    first = protocol(config=str(file))
    (tmp_path / "elsewhere").mkdir()
    for each in tmp_path.glob("*.py"):
        each.rename(tmp_path / "elsewhere" / each.name)
    second = protocol(config=str(tmp_path / "elsewhere" / "own.py"))
    assert second.sha256 == first.sha256
    sent = SegmentationProtocol.model_validate(second.model_dump(mode="json"))
    assert (sent, sent.sha256) == (second, first.sha256)
    assert first.inference.summary.startswith("UPerHead on ResNetV1c (sha256 ")
    other = {**first.inference.model, "decode_head": {"type": "FCNHead"}}
    assert protocol(model=other).training_part != first.training_part


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os", r"own\.py:1: only values are read"),
        ("model = __import__('os').system('touch ran')", r"own\.py:1: only values are read"),
        ("a = [x for x in (1,)]", r"own\.py:1: only values"),
        ("a = 'x' * 10 ** 9", r"own\.py:1: only values"),
        ("a = [0] * 999999", r"own\.py:1: only values"),
        ("a = unknown", r"own\.py:1: only values"),
        ("a = (", r"own\.py: not a configuration"),
        ("_base_ = 'own.py'", "more than 10 files in a chain"),
        ("_base_ = 'mmseg::_base_/x.py'", "expected the path of a file beside it"),
        ("_base_ = 'gone.py'", r"cannot read .*gone\.py"),
        ("lr = 1", "no 'model' of mmsegmentation"),
        ("model = dict(type='FasterRCNN')", "model.type is 'FasterRCNN'"),
        ("model = dict(type='EncoderDecoder', backbone=dict(type='os.system', command='touch ran'),"
         " decode_head=dict(type='FCNHead'))", r"backbone\.type is 'os\.system'; only names"),
        ("model = dict(type='EncoderDecoder', backbone=dict(type='X', checkpoint='a.pth'),"
         " decode_head=dict(type='FCNHead'))", r"backbone\.checkpoint: give weights by"),
    ],
)  # fmt: skip
def test_nothing_but_values_is_read_and_nothing_is_run(text, message, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        protocol(config=str(file))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_configuration_is_named_once(file):
    with pytest.raises(UserError, match="either config"):
        protocol()
    with pytest.raises(UserError, match="either config"):
        protocol(config=str(file), model=read_model(file))


def _network(made):
    return SEGMENTERS.load("mmseg-config")("mmseg-config", made)


@pytest.mark.slow
@pytest.mark.mmseg
def test_names_that_mmsegmentation_does_not_have_are_refused_before_it_looks_for_them(file):
    pytest.importorskip("mmseg")
    model = read_model(file)
    strange = {**model, "backbone": {**model["backbone"], "type": "antigravity"}}
    with pytest.raises(UserError, match="mmsegmentation has no 'antigravity'"):
        _network(protocol(model=strange)).check_initial(None)
    wrong = {**model, "backbone": {**model["backbone"], "depth": 19}}
    with pytest.raises(UserError, match=r"cannot build this configuration: .*19"):
        _network(protocol(model=wrong)).check_initial(None)


@pytest.mark.slow
@pytest.mark.mmseg
def test_a_network_of_the_users_is_trained_and_predicts(file, tmp_path):
    pytest.importorskip("mmseg")
    generator = np.random.default_rng(0)
    mask = generator.integers(0, 9, (8, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    images = generator.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    samples = [Sample(str(at), image, mask) for at, image in enumerate(images)]
    network = _network(protocol(config=str(file)))
    done = network.fit(samples, 0, tmp_path, tmp_path / "log", None, lambda *_: None)
    again = _network(protocol(config=str(file)))
    assert again.load(done) == network.protocol.classes
    assert again.predict(images[0]).shape == (64, 64)


@pytest.mark.slow
@pytest.mark.mmseg
def test_every_head_averages_over_labelled_pixels_also_without_a_loss_in_the_file(file):
    pytest.importorskip("mmseg")
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    model = _network(protocol(config=str(file)))._build()
    heads = [model.decode_head, *model.auxiliary_head]
    assert "loss_decode" not in read_model(file)["auxiliary_head"][0]
    assert [head.loss_decode.avg_non_ignore for head in heads] == [True, True]
