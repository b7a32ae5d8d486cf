"""One network of each family is trained and asked, as a task does it; a new family is as it is."""

from __future__ import annotations

import numpy as np
import pytest

from ivif_bench.options import described
from ivif_bench.protocol import shipped_protocols
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.substitution import substituted
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.types import Boxes

HEIGHT, WIDTH = 60, 92  # no multiple of a stride
BOX = (20, 10, 60, 50)


# What a family cannot do without, where no shipped protocol has a recipe of it: beside the demo's.
NEEDED = {
    "mmseg-config": {
        "model": {
            "type": "EncoderDecoder",
            "backbone": {
                "type": "ResNetV1c",
                "depth": 18,
                "norm_cfg": {"type": "BN"},
                "strides": [1, 2, 2, 2],
            },
            "decode_head": {
                "type": "FCNHead",
                "in_channels": 512,
                "in_index": 3,
                "channels": 8,
                "num_convs": 1,
                "num_classes": 9,
            },
        },
    }
}


def families():
    """The smallest network of each family that can be trained, with a protocol that names it."""
    for model in (DetectionProtocol, SegmentationProtocol):
        specs = sorted(model.registry().specs().values(), key=lambda spec: -spec.parameters)
        for spec in {each.family: each for each in specs if each.training}.values():
            yield pytest.param(model, spec, id=f"{model.task}, {spec.name}")


def protocol_for(model, spec):
    """A protocol with scratch weights: the recipe of a shipped one, or every default.

    RT-DETR has no demo: its recipe is cut to one epoch of small images.
    """
    shipped = [model.load(name) for name in shipped_protocols(model.folder / "protocols")]
    trained = [each for each in shipped if each.trained]
    family = [each for each in trained if spec.family in each.recipe]
    quickest = [each for each in family if each.name.startswith("demo")] + family
    recipe = quickest[0].recipe if quickest else {spec.family: {"training": {}}}
    if spec.family in NEEDED:  # else as the demo's network
        demo = next(each for each in trained if each.name.startswith("demo"))
        inference = {**demo.inference.model_dump(), **NEEDED[spec.family]}
        training = demo.training.model_dump()
        recipe = {spec.family: {"inference": inference, "training": training}}
    if quickest and spec.family == "ultralytics-rtdetr":
        short = {"inference": {"image_size": 64}, "training": {"epochs": 1}}
        recipe = substituted(quickest[0], spec.name, short)["recipe"]
    changes = {"format": 2, "network": spec.name, "initial": "scratch", "recipe": recipe}
    return model.model_validate({**trained[0].model_dump(), **changes})


def samples(protocol):
    """Three images with one bright object each, and their truth."""
    for index in range(3):
        image = np.random.default_rng(index).integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        x1, y1, x2, y2 = BOX
        image[y1:y2, x1:x2] = 220
        if protocol.task == "detection":
            target = Boxes(np.array([BOX], float), protocol.classes[:1])
        else:
            target = np.zeros((HEIGHT, WIDTH), np.uint8)
            target[y1:y2, x1:x2] = 1
            target[:4] = protocol.ignore_index
        yield Sample(f"{index:05d}", image, target)


def ran(protocol, folder):
    """The bytes of the weights, the classes and a prediction, of a training in a new folder."""
    folder.mkdir()
    network = protocol.registry().load(protocol.network)(protocol.network, protocol)
    network.check_initial(None)
    steps = []
    train = list(samples(protocol))
    checkpoint = network.fit(
        train, 3, folder, folder / "log.txt", None, lambda *step: steps.append(step)
    )
    assert steps
    assert {(total, what) for _, total, what in steps} == {(steps[-1][0], "training")}
    assert checkpoint.is_relative_to(folder)
    assert checkpoint.suffix == ".safetensors"
    fresh = protocol.registry().load(protocol.network)(protocol.network, protocol)
    known = fresh.load(checkpoint)
    return checkpoint.read_bytes(), known, fresh.predict(train[0].image)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "spec"), families())
def test_it_trains_repeatably_and_predicts_what_its_task_expects(model, spec, tmp_path, capfd):
    protocol = protocol_for(model, spec)
    weights, known, prediction = ran(protocol, tmp_path / "one")
    again, _, _ = ran(protocol, tmp_path / "two")
    assert weights == again
    assert set(protocol.classes) <= set(known)
    if protocol.task == "detection":
        assert set(prediction.classes) <= set(known)
        assert np.isfinite(prediction.xyxy).all()
        assert (np.diff(prediction.scores) <= 0).all()
    else:
        assert prediction.dtype == np.uint8
        assert prediction.shape == (HEIGHT, WIDTH)
        assert prediction.max() < len(known)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("model", "spec"), families())
def test_every_option_is_accepted_at_its_default(model, spec):
    protocol = protocol_for(model, spec)
    for part in ("inference", "training"):
        options = getattr(protocol, part)
        for row in described(type(options)):
            if row.required or "." in row.name or row.name in NEEDED.get(spec.family, {}):
                continue
            again = type(options).model_validate({**options.model_dump(), row.name: row.default})
            # A key younger than its protocols is not written at its default.
            assert again.model_dump(mode="json").get(row.name, row.default) == row.default
