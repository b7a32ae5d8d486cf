"""Images kept apart for validation, the best weights by them, and normalisation by training images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import yaml

from ivif_bench.curves import COSTS
from ivif_bench.errors import UserError
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.curves import Curves
from ivif_bench.tasks.segmentation.protocol import SHIPPED_PROTOCOLS, SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS
from ivif_bench.tensors import read_tensors

pytest.importorskip("mmseg")
pytestmark = pytest.mark.mmseg

TINY = {
    "initial": "scratch",
    "image_size": (64, 64),
    "crop_size": (64, 64),
    "ratio_range": (1.0, 1.0),
    "iterations": 9,
    "warmup": 0,
    "batch": 2,
    "lr": 2e-3,
}


def _protocol(**changes):
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-seg.v1.yaml").read_text())
    return SegmentationProtocol.from_file(content | TINY | changes)


def _samples(count=7, scale=1, offset=0):
    generator = np.random.default_rng(5)
    masks = generator.integers(0, 9, (count, 8, 8)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    colours = generator.integers(0, 100, (9, 3)).astype(np.uint8)
    return [
        Sample(f"{5 * i:05}D", colours[mask] * scale + offset, mask) for i, mask in enumerate(masks)
    ]


def _fit(folder, samples, progress=lambda *_: None, restart_seconds=1e9, **changes):
    folder.mkdir(exist_ok=True)
    made = _protocol(**changes)
    network = SEGMENTERS.load(made.network)(made.network, made)
    network.restart_seconds = restart_seconds
    network.load(network.fit(samples, 0, folder, folder / "log.txt", None, progress))
    return network


def _rows(folder):
    return [{k: v for k, v in row.items() if k not in COSTS} for row in Curves(folder).rows()]


def _miou(network, samples):
    """Counted pixel by pixel, over all images together."""
    pairs = [(network.predict(sample.image), sample.target) for sample in samples]
    found, truth = (np.stack(each) for each in zip(*pairs, strict=True))
    ious = [
        ((found == c) & (truth == c)).sum() / ((found == c) | (truth == c)).sum()
        for c in range(9)
        if ((found == c) | (truth == c)).any()
    ]
    return float(np.mean(ious))


def test_runs_of_neighbouring_numbers_are_kept_whatever_the_order_of_the_list():
    from ivif_bench.tasks.segmentation.segmenters._mmseg_validation import kept_apart

    numbers = np.random.default_rng(0).permutation(1083)
    stems = [f"{number:05}{'N' if 400 < number < 900 else 'D'}" for number in numbers]
    found = sorted(int(numbers[at]) for at in kept_apart(stems, 0.1))
    assert len(found) == 108
    ends = [at for at, (a, b) in enumerate(itertools.pairwise(found)) if b > a + 1]
    assert np.diff([-1, *ends, 107]).tolist() in ([21, 22, 21, 22, 22], [21, 22, 22, 21, 22])
    assert found[-1] == 1082
    assert {stems[at][-1] for at in kept_apart(stems, 0.1)} == {"D", "N"}
    with pytest.raises(UserError, match=r"'validation' 0\.05 of 5 training images leaves no image"):
        kept_apart(["1", "2", "3", "4", "5"], 0.05)


@pytest.mark.slow
def test_validation_only_watches_a_training_on_the_other_images(tmp_path):
    samples = _samples()
    watched = _fit(tmp_path / "a", samples, validation=0.3, validation_every=2)
    kept = [samples[at] for at in (2, 6)]  # the last image of each half
    _fit(tmp_path / "b", [samples[at] for at in (0, 1, 3, 4, 5)])
    one, other = (read_tensors(tmp_path / name / "model.safetensors") for name in ("a", "b"))
    assert all((one[name] == other[name]).all() for name in one)
    rows = _rows(tmp_path / "a")
    assert ["val_mIoU" in row for row in rows] == [False, True, False, True]
    assert rows[-1]["val_mIoU"] == pytest.approx(_miou(watched, kept), abs=1e-12)
    assert [row["loss"] for row in rows[:3]] == [row["loss"] for row in _rows(tmp_path / "b")]


@pytest.mark.slow
def test_the_best_weights_are_judged_also_after_a_kill(tmp_path):
    samples, options = _samples(), {"validation": 0.3, "checkpoint": "best", "lr": 0.02}
    best = _fit(tmp_path / "a", samples, **options)
    curve = [row["val_mIoU"] for row in _rows(tmp_path / "a")]
    assert _miou(best, [samples[2], samples[6]]) == pytest.approx(max(curve), abs=1e-12)

    def kill(done, total, what):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "b", samples, progress=kill, restart_seconds=0, **options)
    _fit(tmp_path / "b", samples, **options)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]
    assert _rows(tmp_path / "a") == _rows(tmp_path / "b")


@pytest.mark.slow
def test_normalised_by_its_training_images_a_network_sees_no_change_of_contrast(tmp_path):
    options = {"normalisation": "training-images", "iterations": 4, "flip": 0.0}
    plain = _fit(tmp_path / "a", _samples(), **options)
    _fit(tmp_path / "b", _samples(scale=2, offset=31), **options)
    pixels = np.stack([sample.image for sample in _samples()]).astype(np.float64)
    state = read_tensors(tmp_path / "a" / "model.safetensors")
    for name, value in (("mean", pixels.mean((0, 1, 2))), ("deviation", pixels.std((0, 1, 2)))):
        np.testing.assert_allclose(state[f"normalisation.{name}"], value, rtol=1e-6)
    losses = [[row["loss"] for row in _rows(tmp_path / name)] for name in ("a", "b")]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
    assert "its own training images" in plain.protocol.inference.summary
    usual = _protocol()
    network = SEGMENTERS.load(usual.network)(usual.network, usual)
    with pytest.raises(UserError, match=r"set inference\.normalisation: training-images"):
        network.load(tmp_path / "a" / "model.safetensors")


def test_weights_without_statistics_are_refused_where_they_are_needed(tmp_path):
    from ivif_bench.tasks.segmentation.segmenters._mmseg_statistics import taken_from

    with pytest.raises(UserError, match=r"model\.safetensors hold no mean of the images"):
        taken_from({}, "model.safetensors", own=True)


def test_new_keys_are_in_no_hash_until_they_are_used():
    usual = _protocol()
    assert _protocol(validation=0.0, validation_every=1).sha256 == usual.sha256
    for change in ({"validation": 0.1}, {"normalisation": "training-images"}):
        changed = _protocol(**change)
        assert changed.sha256 != usual.sha256
        assert changed.training_part != usual.training_part
    with pytest.raises(UserError, match="validation_every needs a validation part"):
        _protocol(validation_every=2)
    with pytest.raises(UserError, match="needs a 'validation' part"):
        _protocol(checkpoint="best")


@pytest.mark.slow
def test_a_warm_up_of_one_step_is_over_after_it(tmp_path):
    _fit(tmp_path, _samples(2), iterations=4, warmup=1)
    rates = [row["lr"] for row in _rows(tmp_path)]
    assert len(rates) == 4
    assert rates[1] == pytest.approx(TINY["lr"] * 0.5)  # of the three steps after it
