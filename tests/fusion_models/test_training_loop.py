"""The training loop: resumed equals uninterrupted, averages, the log, several processes, data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from precisions import STRICT, recorded_precisions
from safetensors.torch import load_file
from small_runs import write_pairs
from torch import nn

from ivif_bench.curves import draw_curves
from ivif_bench.errors import UserError
from ivif_bench.fusion_models.training import loop
from ivif_bench.fusion_models.training.checkpoint import NAME
from ivif_bench.fusion_models.training.images import Crops, PairImages, PairPool, read_sources
from ivif_bench.fusion_models.training.loop import (
    LoopSettings,
    Recipe,
    run_loop,
    step_of,
    warmup_cosine,
)
from ivif_bench.fusion_models.training.record import LOG, Log


@pytest.fixture(scope="module", autouse=True)
def _curves_not_drawn():
    """Drawing them takes longer than these trainings do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "draw_curves", lambda rows, path: path.write_bytes(b"not drawn"))
        yield


class Line(Recipe):
    """Fits y = 2x + 1 with noise and dropout: everything random that a training has."""

    def __init__(self, fail_at: int | None = None, adam: bool = True) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))
        self.networks = {"line": self.network}
        self.device = torch.device("cpu")
        self.identity = {"what": "line"}
        self.fail_at = fail_at
        self.adam = adam

    def optimizer(self):
        parameters = self.network.parameters()
        return (
            torch.optim.AdamW(parameters, 0.01) if self.adam else torch.optim.SGD(parameters, 0.01)
        )

    def learning_rate(self, step, steps):
        return warmup_cosine(step, steps, 0.02, warmup=5)

    def losses(self, step):
        if step.index == self.fail_at:
            raise KeyboardInterrupt
        x = torch.from_numpy(step.rng.standard_normal((16, 1)).astype(np.float32))
        y = 2 * x + 1 + 0.1 * torch.randn(x.shape, generator=step.noise)
        error = (self.network(x) - y).square().mean()
        return {"total": error, "root": error.sqrt()}

    def validate(self):
        x = torch.linspace(-1, 1, 9)[:, None]
        return {"error": float((self.network(x) - 2 * x - 1).square().mean())}

    def write_samples(self, folder, step):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{step}.txt").write_text(str(self.network.training))


SETTINGS = LoopSettings(40, average=0.9, log_every=5, check_every=20, save_every=10)


def _run(out, resume=False, **changes):
    said = []
    recipe = Line(**changes)
    return run_loop(recipe, SETTINGS, out, resume, lambda *args: said.append(args))["line"]


@pytest.mark.parametrize("stop", [3, 10, 27])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, stop):
    whole = _run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "broken", fail_at=stop)
    again = _run(tmp_path / "broken", resume=True)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    files = [load_file(tmp_path / kind / NAME) for kind in ("whole", "broken")]
    assert files[0].keys() == files[1].keys()
    assert all(torch.equal(value, files[1][name]) for name, value in files[0].items())
    rows = [Log(tmp_path / kind).rows() for kind in ("whole", "broken")]
    kept = [[{k: v for k, v in row.items() if k != "seconds"} for row in part] for part in rows]
    assert kept[0] == kept[1]


def test_float32_is_not_shortened_in_training_and_in_validation(tmp_path):
    with recorded_precisions(nn.Linear) as seen:
        _run(tmp_path)
    assert seen == STRICT


def test_a_finished_training_returns_its_weights_at_once(tmp_path):
    first = _run(tmp_path)
    again = _run(tmp_path, resume=True, fail_at=0)
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.slow
def test_training_learns_and_leaves_log_curves_and_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "draw_curves", draw_curves)
    _run(tmp_path)
    rows = Log(tmp_path).rows()
    losses = [row["total"] for row in rows if "total" in row]
    assert len(losses) == 8
    assert losses[-1] < 0.5 * losses[0]
    assert {"step", "validation error"} == set(rows[-1])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "samples" / "40.txt").read_text() == "False"


def test_average_is_the_documented_recursion(tmp_path):
    """decay = min(0.9, (1 + n) / (10 + n)), followed by hand through plain SGD."""
    recipe = Line(adam=False)
    seen = []

    class Watched(Line):
        def losses(self, step):
            seen.append([p.detach().clone() for p in self.network.parameters()])
            return super().losses(step)

    watched = Watched(adam=False)
    averages = run_loop(watched, SETTINGS, tmp_path, False, lambda *a: None)["line"]
    seen.append([p.detach().clone() for p in watched.network.parameters()])
    expected = [value.clone() for value in seen[0]]
    for n in range(40):
        decay = min(0.9, (1 + n) / (10 + n))
        expected = [decay * e + (1 - decay) * v for e, v in zip(expected, seen[n + 1], strict=True)]
    names = [name for name, _ in recipe.network.named_parameters()]
    for name, value in zip(names, expected, strict=True):
        assert torch.allclose(averages[name], value, atol=1e-6)


def test_another_recipe_in_the_same_folder_is_refused_by_the_key_that_differs(tmp_path):
    _run(tmp_path)
    with pytest.raises(UserError, match="add --resume"):
        _run(tmp_path)
    other = Line()
    other.identity = {"what": "curve"}
    with pytest.raises(UserError, match="made with what 'line', now 'curve'"):
        run_loop(other, SETTINGS, tmp_path, True, lambda *a: None)


def test_a_difference_inside_a_recipe_is_named_by_its_path(tmp_path):
    first, other = Line(), Line()
    first.identity = {"settings": {"losses": {"weight": 1.0, "kind": "l1"}, "batch": 2}}
    other.identity = {"settings": {"losses": {"weight": 1.0, "kind": "l2"}, "batch": 2}}
    run_loop(first, SETTINGS, tmp_path, False, lambda *a: None)
    with pytest.raises(UserError, match=r"settings\.losses\.kind 'l1', now 'l2'"):
        run_loop(other, SETTINGS, tmp_path, True, lambda *a: None)


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    recipe = Line()
    recipe.losses = lambda step: {"total": recipe.network[0].weight.sum() * float("nan")}
    with pytest.raises(UserError, match="not finite at step 0"):
        run_loop(recipe, SETTINGS, tmp_path, False, lambda *a: None)


def test_a_line_that_a_kill_cut_off_is_dropped_from_the_log(tmp_path):
    log = Log(tmp_path)
    log.add({"step": 5, "total": 1.0})
    with log.path.open("a") as file:
        file.write('{"step": 10, "tot')
    log.rewind(5)
    log.add({"step": 10, "total": 0.5})
    assert [row["step"] for row in log.rows()] == [5, 10]


def test_learning_rate_rises_then_falls_to_its_floor():
    rates = [warmup_cosine(step, 100, 1.0, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)


def test_randomness_of_a_step_depends_on_seed_step_and_process_alone():
    def draw(*key):
        step = step_of(*key[:2], torch.device("cpu"), *key[2:])
        return float(step.rng.random()), float(torch.rand(1, generator=step.noise))

    assert draw(0, 7) == draw(0, 7) == draw(0, 7, 0)
    assert len({draw(0, 7), draw(0, 8), draw(1, 7), draw(0, 7, 1)}) == 4


_TWO = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {support!r}]
from test_training_loop import Line, SETTINGS
from ivif_bench.fusion_models.training.loop import run_loop
import torch
recipe = Line()
run_loop(recipe, SETTINGS, Path({out!r}), False, lambda *a: None)
torch.save(recipe.network.state_dict(), {out!r} + "/" + __import__("os").environ["RANK"] + ".pt")
"""


@pytest.mark.slow
def test_two_processes_share_their_gradients_and_one_writes(tmp_path):
    script = tmp_path / "two.py"
    here = Path(__file__).resolve().parent
    out = tmp_path / "out"
    support = here.parent / "support"
    script.write_text(_TWO.format(tests=str(here), support=str(support), out=str(out)))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    command += ["--standalone", str(script)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    states = [torch.load(out / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert len([row for row in Log(out).rows() if "total" in row]) == 8
    alone = _run(tmp_path / "alone")
    assert not torch.equal(alone["0.weight"], states[0]["0.weight"])  # it saw twice the data


def _pool(held_out=0):
    rng = np.random.default_rng(0)
    pairs = [
        PairImages(str(n), rng.integers(0, 256, size, np.uint8), rng.integers(0, 256, (*size, 3), np.uint8))
        for n, size in enumerate([(40, 50), (100, 90), (20, 70), (64, 64)])
    ]  # fmt: skip
    return PairPool(pairs, held_out)


def test_crops_of_a_pair_show_the_same_place():
    pairs = [PairImages("x", image := np.random.default_rng(0).integers(0, 256, (80, 90), np.uint8),
                        np.repeat(image[:, :, None], 3, 2))]  # fmt: skip
    infrared, visible = PairPool(pairs).pairs(np.random.default_rng(1), 6, Crops(24, (1.0, 2.0)))
    assert infrared.shape == (6, 1, 24, 24)
    assert visible.shape == (6, 3, 24, 24)
    assert np.allclose(infrared, visible[:, :1])
    assert infrared.dtype == np.float32
    assert 0 <= infrared.min() <= infrared.max() <= 1


def test_crops_depend_on_the_generator_alone_and_small_images_are_continued():
    pool = _pool()
    crops = Crops(32, (1.0, 1.5))
    first = pool.grays(np.random.default_rng([0, 5]), 12, crops)
    again = pool.grays(np.random.default_rng([0, 5]), 12, crops)
    assert first.shape == (12, 1, 32, 32)
    assert np.array_equal(first, again)


def test_held_out_pairs_are_never_trained_on():
    pool = _pool(held_out=2)
    assert [pair.name for pair in pool.training] == ["0", "2"]
    assert [pair.name for pair in pool.validation] == ["1", "3"]


def test_fingerprint_follows_the_pixels():
    first, second = _pool(), _pool()
    assert first.fingerprint == second.fingerprint
    pairs = [*_pool().training]
    pairs[0].infrared[0, 0] ^= 1
    assert PairPool(pairs, 0).fingerprint != first.fingerprint


def test_sources_are_folders_layouts_and_drawn_scenes(tmp_path):
    write_pairs(tmp_path / "own", 3, (24, 32))
    for part in ("train", "test"):
        write_pairs(tmp_path / "LLVIP" / part, 2, (24, 32), seed=ord(part[1]))
        for kind in ("ir", "vi"):
            folder = tmp_path / "LLVIP" / part / kind
            for path in list(folder.iterdir()):
                path.rename(folder / f"{part}{path.name}")
    read = read_sources([str(tmp_path / "own"), f"llvip={tmp_path / 'LLVIP'}", "demo=2"])
    names = [pair.name.rsplit("/", 1)[-1] for pair in read]
    assert names[:5] == ["00000", "00001", "00002", "train00000", "train00001"]
    assert len(read) == 7
    assert read[-1].infrared.shape == (192, 256)


def test_a_pair_that_is_one_image_twice_is_not_trained_on(tmp_path):
    write_pairs(tmp_path / "own", 2, (24, 32))
    visible = tmp_path / "own" / "vi" / "00001.png"
    (tmp_path / "own" / "ir" / "00001.png").write_bytes(visible.read_bytes())
    with pytest.raises(UserError, match=r"--data own, stem '00001': .*hold the same pixels"):
        read_sources([str(tmp_path / "own")])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "no such folder"),
        ("demo=none", "expected a number of drawn scenes"),
        ("lvip=x", "did you mean llvip"),
    ],
)
def test_wrong_sources_are_refused(source, message):
    with pytest.raises(UserError, match=message):
        read_sources([source])


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_or_foreign_checkpoint_is_refused_and_kept(tmp_path, damage):
    from safetensors.torch import save

    content = save({"a": torch.zeros(1)}) if damage is None else damage
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(UserError, match="not a checkpoint of 'train'"):
        run_loop(Line(), SETTINGS, tmp_path, True, lambda *a: None)
    assert (tmp_path / NAME).read_bytes() == content


def test_a_checkpoint_without_a_log_is_not_overwritten(tmp_path):
    _run(tmp_path)
    (tmp_path / LOG).unlink()
    with pytest.raises(UserError, match="add --resume"):
        _run(tmp_path)


def test_checkpoint_names_its_step(tmp_path):
    from safetensors import safe_open

    _run(tmp_path)
    with safe_open(tmp_path / NAME, "pt") as file:
        assert json.loads(file.metadata()["state"])["state"]["step"] == 40


def test_a_pool_that_keeps_everything_for_validation_is_refused():
    image = np.zeros((8, 8), np.uint8)
    pairs = [PairImages("x/1", image, np.zeros((8, 8, 3), np.uint8))]
    with pytest.raises(UserError, match="held_out 1 all 1 pairs"):
        PairPool(pairs, held_out=1)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_gray_crops_show_both_modalities_evenly_whatever_the_batch(count):
    infrared, visible = np.full((8, 8), 200, np.uint8), np.zeros((8, 8, 3), np.uint8)
    pool = PairPool([PairImages("x/1", infrared, visible)])
    shown = [
        float(crop.mean()) > 0.5
        for step in range(200)
        for crop in pool.grays(step_of(0, step, torch.device("cpu")).rng, count, Crops(8))
    ]
    assert 0.4 < np.mean(shown) < 0.6


def test_without_an_average_no_second_copy_of_the_weights_is_kept(tmp_path):
    settings = LoopSettings(4, average=0.0, log_every=2, check_every=4, save_every=4)
    found = run_loop(Line(), settings, tmp_path, False, lambda *a: None)
    kept = load_file(tmp_path / NAME)
    assert not [name for name in kept if name.startswith("averages/")]
    for name, value in found["line"].items():
        assert torch.equal(value, kept[f"networks/line/{name}"])
