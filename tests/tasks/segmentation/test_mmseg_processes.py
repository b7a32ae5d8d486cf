"""Two processes that train one network of mmsegmentation end where one process does."""

from __future__ import annotations

import numpy as np
import pytest

from ivif_bench.errors import UserError
from ivif_bench.processes import Processes
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.curves import Curves
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS
from ivif_bench.tensors import read_tensors

pytest.importorskip("mmseg")
pytestmark = pytest.mark.mmseg

# Without dropout, whose masks each process draws by itself; with batch normalisation in every layer.
_NORM = {"type": "BN", "requires_grad": True}
_HEAD = {
    "type": "FCNHead", "channels": 8, "num_convs": 1, "concat_input": False, "dropout_ratio": 0,
    "norm_cfg": _NORM, "align_corners": False, "num_classes": 9,
}  # fmt: skip
MODEL = {
    "type": "EncoderDecoder",
    "backbone": {
        "type": "ResNetV1c", "depth": 18, "base_channels": 8, "stem_channels": 8, "num_stages": 4,
        "out_indices": [0, 1, 2, 3], "strides": [1, 2, 2, 1], "dilations": [1, 1, 1, 2],
        "norm_cfg": _NORM, "style": "pytorch", "contract_dilation": True,
    },
    "decode_head": {**_HEAD, "in_channels": 64, "in_index": 3},
    "auxiliary_head": {**_HEAD, "in_channels": 32, "in_index": 2},
}  # fmt: skip


def _segmenter(batch=4):
    demo = SegmentationProtocol.load("demo-seg.v1").model_dump(mode="json")
    training = {**demo["recipe"]["mmseg"]["training"], "iterations": 4, "warmup": 0, "lr": 1e-3}
    recipe = {
        "inference": {"model": MODEL, "image_size": [64, 64]},
        "training": {**training, "batch": batch, "crop_size": [64, 64]},
    }
    content = {**demo, "format": 2, "initial": "scratch", "network": "mmseg-config"}
    made = SegmentationProtocol.from_file({**content, "recipe": {"mmseg-config": recipe}})
    return SEGMENTERS.load("mmseg-config")("mmseg-config", made)


def _samples():
    """Six images with very different numbers of labelled pixels."""
    generator = np.random.default_rng(4)
    masks = generator.integers(0, 9, (6, 8, 8)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    colours = generator.integers(0, 256, (9, 3)).astype(np.uint8)
    images = colours[masks]
    for index, mask in enumerate(masks):
        mask[: 10 * index] = 255
    return [Sample(f"{i}", image, mask) for i, (image, mask) in enumerate(zip(images, masks))]  # noqa: B905


def _rows(folder):
    return [[row[name] for name in ("epoch", "loss", "lr")] for row in Curves(folder).rows()]


@pytest.mark.slow
def test_two_processes_end_at_the_weights_of_one_and_go_on_from_a_state(tmp_path):
    segmenter = _segmenter()
    segmenter.restart_seconds = 0
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    one, two = folders
    segmenter.fit(_samples(), 0, one, tmp_path / "log", None, lambda *_: None)
    segmenter.launch(_samples(), 0, two, tmp_path / "log", None, 2)
    start = segmenter._initial_model(0, None, tmp_path / "log").state_dict()
    alone, shared = (read_tensors(folder / "model.safetensors") for folder in folders)
    for kind in ("weight", "running_var"):
        names = [name for name in alone if name.endswith(kind)]
        moved, apart = (
            sum(float((alone[name] - other[name]).double().square().sum()) for name in names) ** 0.5
            for other in (start, shared)
        )
        assert apart < 1e-3 * moved
    np.testing.assert_allclose(_rows(two), _rows(one), rtol=1e-4)
    # The state of the last step but one is there still: without the checkpoint, it goes on from it.
    whole = (two / "model.safetensors").read_bytes()
    (two / "model.safetensors").unlink()
    segmenter.launch(_samples(), 0, two, tmp_path / "log", None, 2)
    assert (two / "model.safetensors").read_bytes() == whole
    np.testing.assert_allclose(_rows(two), _rows(one), rtol=1e-4)


def test_every_position_of_a_batch_is_one_processes_own():
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    from ivif_bench.tasks.segmentation.segmenters._mmseg_processes import Parts

    parts = [list(Parts(3, 5, Processes(rank, 2))) for rank in (0, 1)]
    assert parts[0] == [[0, 2, 4], [5, 7, 9], [10, 12, 14]]
    assert [sorted(a + b) for a, b in zip(*parts, strict=True)] == [
        list(range(first, first + 5)) for first in (0, 5, 10)
    ]


def test_more_processes_than_images_of_a_batch_are_refused(tmp_path):
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    from ivif_bench.tasks.segmentation.segmenters._mmseg_train import train

    made = _segmenter(batch=2).protocol
    rest = (0, tmp_path, tmp_path / "log", lambda *_: None, 1.0, lambda *_: None)
    with pytest.raises(UserError, match="batch 2 is smaller than the number of GPUs, 3"):
        train(None, _samples(), made, *rest, processes=Processes(0, 3))
