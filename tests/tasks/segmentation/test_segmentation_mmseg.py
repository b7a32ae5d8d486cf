"""mmsegmentation networks: sizes, a tiny real training, restart, silence, predictions."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

from ivif_bench.curves import COSTS
from ivif_bench.errors import UserError
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.curves import Curves
from ivif_bench.tasks.network.weights import weights_file
from ivif_bench.tasks.segmentation.protocol import SHIPPED_PROTOCOLS, SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS

pytest.importorskip("mmseg")
pytestmark = pytest.mark.mmseg

TINY = {
    "initial": "scratch",
    "image_size": (64, 96),
    "crop_size": (64, 64),
    "iterations": 6,
    "warmup": 2,
    "batch": 2,
    "photometric_distortion": True,
}


def protocol(**changes):
    """demo-seg.v1 with other values of its keys, which format 1 has side by side."""
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-seg.v1.yaml").read_text())
    return SegmentationProtocol.from_file(content | TINY | changes)


def samples(count=5):
    generator = np.random.default_rng(3)
    masks = generator.integers(0, 9, (count, 8, 12)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    colours = generator.integers(0, 256, (9, 3)).astype(np.uint8)
    masks[:, :4] = 255
    return [Sample(str(i), colours[np.minimum(mask, 8)], mask) for i, mask in enumerate(masks)]


def segmenter(**changes):
    made = protocol(**changes)
    return SEGMENTERS.load(made.network)(made.network, made)


def fit(folder, seed=0, progress=lambda *_: None, restart_seconds=1e9, **changes):
    folder.mkdir(exist_ok=True)
    network = segmenter(**changes)
    network.restart_seconds = restart_seconds
    initial = weights_file(network.protocol)
    return network.fit(samples(), seed, folder, folder / "log.txt", initial, progress)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("trained"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "millions"),
    [("segformer-b0", 3.72), ("deeplabv3plus-r18", 12.47), ("deeplabv3plus-r50", 43.58)],
)
def test_networks_have_the_published_and_declared_number_of_parameters(name, millions):
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    model = segmenter(segmenter=name)._build()
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == SEGMENTERS.get(name).parameters
    assert count / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.slow
def test_same_seed_gives_the_same_weights_in_another_process_and_stdout_stays_empty(
    tmp_path, trained, repository
):
    script = (
        "import sys, runpy; from pathlib import Path\n"
        f"names = runpy.run_path({__file__!r})\n"
        "names['fit'](Path(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "other")],
        capture_output=True, text=True, cwd=repository, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": str(_threads())},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert sha256(tmp_path / "other" / trained.name) == sha256(trained)
    log = (tmp_path / "other" / "log.txt").read_text()
    assert "OneDL" in log or "loss" in log


def _threads():
    import torch

    return torch.get_num_threads()


@pytest.mark.slow
def test_another_seed_gives_other_weights(tmp_path, trained):
    assert sha256(fit(tmp_path, seed=1)) != sha256(trained)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, trained):
    steps = []

    def kill_after_three(done, total, what):
        steps.append(done)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, progress=kill_after_three, restart_seconds=0)
    assert (tmp_path / "state.safetensors").is_file()
    (signature,) = json.loads((tmp_path / "origins.json").read_text()).values()
    assert "onedl-mmengine" in signature["versions"]  # whoever goes on names who made the point
    checkpoint = fit(tmp_path, progress=lambda done, *_: steps.append(done))
    assert steps == [1, 2, 3, 4, 5, 6]
    assert sha256(checkpoint) == sha256(trained)
    again, whole = (_losses(folder) for folder in (tmp_path, trained.parent))
    assert again == whole
    assert again[-1]["loss"] > 0
    assert not (tmp_path / "state.safetensors").exists()
    assert not (tmp_path / "work").exists()


def _losses(folder):
    """Rows of a training's curves without what it cost."""
    rows = Curves(folder).rows()
    return [{k: v for k, v in row.items() if k not in COSTS} for row in rows]


@pytest.mark.slow
def test_a_finished_training_is_not_repeated(tmp_path):
    fit(tmp_path)
    steps = []
    fit(tmp_path, progress=lambda *_: steps.append(1))
    assert steps == []


@pytest.mark.slow
def test_predictions_equal_mmsegmentations_own_inference(trained):
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    network = segmenter()
    network.load(trained)
    rgb = samples(1)[0].image
    ours = network.predict(rgb)
    assert ours.dtype == np.uint8
    assert ours.shape == rgb.shape[:2]
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 64, 96)))
    sample.set_metainfo({"img_shape": (64, 96), "ori_shape": (64, 96)})
    bgr = torch.from_numpy(rgb[:, :, ::-1].copy()).permute(2, 0, 1)
    model = network._model.cpu()
    model.data_preprocessor.size = (64, 96)
    data = model.data_preprocessor({"inputs": [bgr], "data_samples": [sample]}, False)
    with torch.no_grad():
        theirs = model.predict(data["inputs"], data["data_samples"])
    assert (theirs[0].pred_sem_seg.data[0].cpu().numpy() == ours).mean() > 0.999


def test_any_image_size_gives_labels_of_that_size(trained):
    network = segmenter()
    network.load(trained)
    for height, width in ((64, 96), (51, 77), (130, 65)):
        assert network.predict(np.zeros((height, width, 3), np.uint8)).shape == (height, width)


@pytest.mark.slow
def test_training_lowers_the_loss_on_what_it_saw(tmp_path):
    from ivif_bench.tasks.segmentation.scoring import confusion, score

    network = segmenter()
    before = fit(tmp_path / "one", iterations=1, warmup=0, lr=1e-9)
    after = fit(tmp_path / "many", iterations=40, lr=1e-3)
    accuracy = []
    for checkpoint in (before, after):
        network.load(checkpoint)
        matrix = sum(confusion(mask, network.predict(rgb), 9) for _, rgb, mask in samples())
        accuracy.append(score(matrix).accuracy)
    assert accuracy[1] > accuracy[0] + 0.15


@pytest.mark.slow
def test_initial_weights_must_fit_by_name_and_shape(tmp_path, trained):
    with pytest.raises(UserError, match="instead of"):
        fit(tmp_path / "a", segmenter="segformer-b1", initial=str(trained))
    with pytest.raises(
        UserError, match=r"lacks backbone\..*has unknown layers\..*transfer: backbone"
    ):
        fit(tmp_path / "b", initial=str(_partial(trained, tmp_path)))
    with pytest.raises(UserError, match=r"lacks auxiliary_head\."):
        fit(tmp_path / "c", segmenter="deeplabv3plus-r18", initial=str(trained))


@pytest.mark.slow
def test_a_backbone_alone_is_taken_only_if_the_protocol_draws_a_new_head(tmp_path, trained):
    from ivif_bench.tensors import read_tensors

    bare = str(_partial(trained, tmp_path))
    done = fit(tmp_path / "c", initial=bare, reinit_head=True, lr=1e-12, weight_decay=0.0)
    old, new = read_tensors(trained), read_tensors(done)
    name = "backbone.layers.0.1.0.ffn.layers.0.weight"
    np.testing.assert_allclose(new[name], old[name], atol=1e-9)
    head = "decode_head.conv_seg.weight"
    assert not np.allclose(new[head], old[head])


@pytest.mark.slow
def test_a_classifier_of_an_imagenet_file_is_left_out_and_named_in_the_log(tmp_path, trained):
    import torch
    from safetensors.torch import load_file, save_file

    bare = _partial(trained, tmp_path)
    extra = {"head.weight": torch.zeros(1000, 8), "head.bias": torch.zeros(1000)}
    save_file(load_file(bare) | extra, tmp_path / "imagenet.safetensors")
    initial = str(tmp_path / "imagenet.safetensors")
    options = {"reinit_head": True, "iterations": 1, "warmup": 0}
    with_it = fit(tmp_path / "a", initial=initial, **options)
    without = fit(tmp_path / "b", initial=str(bare), **options)
    assert sha256(with_it) == sha256(without)
    assert (
        "left out backbone.head.bias, backbone.head.weight" in (tmp_path / "a/log.txt").read_text()
    )
    save_file(load_file(bare) | {"surprise": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"has unknown backbone\.surprise"):
        fit(tmp_path / "c", initial=str(tmp_path / "other.safetensors"), **options)


def _partial(trained, folder):
    """The backbone of a checkpoint, named as ImageNet files name it, in half precision."""
    from safetensors.torch import save_file

    from ivif_bench.tensors import read_tensors

    state = read_tensors(trained)
    kept = {name.removeprefix("backbone."): value for name, value in state.items()}
    path = folder / "backbone.safetensors"
    save_file({n: v for n, v in kept.items() if not n.startswith("decode_head")}, path)
    return path


def test_samples_reach_the_network_in_bgr_with_their_labels_and_ignored_pixels(tmp_path):
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    from ivif_bench.tasks.segmentation.segmenters._mmseg_data import TrainingData

    plain = protocol(photometric_distortion=False, ratio_range=(1.0, 1.0))
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[:, :, 0] = 200
    mask = np.full((64, 96), 4, np.uint8)
    mask[:32] = 255
    data = TrainingData([Sample("a", rgb, mask)], plain, seed=0)
    assert len(data) == 12
    item = data[3]
    assert item["inputs"].shape == (3, 64, 64)
    assert item["inputs"].float().mean((1, 2)).tolist() == [0, 0, 200]
    labels = item["data_samples"].gt_sem_seg.data
    assert set(np.unique(labels)) == {4, 255}
    wrong = Sample("a", rgb, np.full((64, 96), 9, np.uint8))
    with pytest.raises(UserError, match="'a': label value 9"):
        TrainingData([wrong], plain, seed=0)[0]


def test_every_epoch_sees_every_sample_once_whatever_was_read_before(tmp_path):
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    from ivif_bench.tasks.segmentation.segmenters._mmseg_data import TrainingData

    plain = protocol(ratio_range=(0.9, 1.1), photometric_distortion=False)
    grey = [
        Sample(str(i), np.full((64, 96, 3), 20 * i, np.uint8), np.zeros((64, 96), np.uint8))
        for i in range(4)
    ]
    data = TrainingData(grey, plain, seed=7)
    seen = [round(float(data[position]["inputs"].float().max()) / 20) for position in range(12)]
    assert [sorted(seen[i : i + 4]) for i in (0, 4, 8)] == [[0, 1, 2, 3]] * 3
    assert seen[:4] != seen[4:8] or seen[4:8] != seen[8:]
    fresh = TrainingData(samples(), protocol(), seed=7)
    late = fresh[5]["inputs"]
    fresh[0], fresh[9]
    assert (fresh[5]["inputs"] == late).all()


@pytest.mark.slow
def test_shipped_half_precision_weights_predict_the_same(tmp_path, trained):
    from safetensors.torch import save_file

    from ivif_bench.tensors import read_tensors

    state = {n: v.half() if v.is_floating_point() else v for n, v in read_tensors(trained).items()}
    save_file(state, tmp_path / "half.safetensors")
    full, half = segmenter(), segmenter()
    full.load(trained)
    half.load(tmp_path / "half.safetensors")
    rgb = samples(1)[0].image
    assert next(half._model.parameters()).dtype.itemsize == 4
    assert (full.predict(rgb) == half.predict(rgb)).mean() > 0.98
