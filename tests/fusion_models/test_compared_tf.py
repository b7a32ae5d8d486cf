"""U2Fusion, DenseFuse and SDNet with their authors' weights, against arrays of the authors' programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivif_bench.data.images import read_stored
from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models import pmgi, sdnet, u2fusion
from ivif_bench.fusion_models.compared.reading import NO_FILE
from ivif_bench.types import StoredImage

pytestmark = pytest.mark.usefixtures("one_thread")
FILES = {
    "u2fusion": "U2Fusion.ckpt.index",
    "densefuse": "DenseFuse-tf.index",
    "densefuse-torch": "densefuse_gray.pth",
    "sdnet": "SDNet-IRVIS.index",
    "pmgi": "PMGI.index",
}
# Recorded picture: golden file, method, options that make it, cases that have it.
USUAL = ("tiny", "a", "b", "c", "d")
PICTURES = {
    "official_minmax_u8": ("U2Fusion", "u2fusion", {}, USUAL),
    "official_u8": (
        "U2Fusion",
        "u2fusion",
        {"convention": "authors-2023", "colour": "restored"},
        USUAL,
    ),
    "irfirst_u8": ("U2Fusion", "u2fusion", {"convention": "vif-benchmark"}, USUAL),
    "addition_u8": ("DenseFuse", "densefuse", {}, USUAL),
    "l1_u8": ("DenseFuse", "densefuse", {"rule": "l1"}, USUAL),
    "mean_u8": ("DenseFuse-torch", "densefuse-torch", {}, USUAL),
    "derived_l1_u8": ("DenseFuse-torch", "densefuse-torch", {"rule": "l1"}, USUAL),
    "u8": ("SDNet", "sdnet", {}, (*USUAL, "aL")),
    "u8 of PMGI": ("PMGI", "pmgi", {}, (*USUAL, "aL")),
}


def method(shared: Path, name: str, **options):
    weights = shared / "data/weights/compared/tf" / FILES[name]
    return METHODS.load(name)(weights=str(weights), device="cpu", **options)


def golden(shared: Path, name: str):
    return np.load(shared / "golden/compared/tf" / f"{name}.npz")


def pair(arrays, case: str) -> list[StoredImage]:
    return [StoredImage(NO_FILE, arrays[f"{case}/{side}_u8"]) for side in ("ir", "vi")]


def levels(fused) -> np.ndarray:
    return fused[0].mul(255).round().byte().movedim(0, -1).numpy().squeeze()


@pytest.mark.slow
@pytest.mark.parametrize("key", PICTURES)
def test_every_recorded_picture_is_met(shared, key):
    file, name, options, cases = PICTURES[key]
    arrays, made = golden(shared, file), method(shared, name, **options)
    for case in cases:
        ours, theirs = (
            levels(made.fuse_stored(*pair(arrays, case), 0)),
            arrays[f"{case}/{key.split()[0]}"],
        )
        difference = np.abs(ours.astype(int) - theirs)
        assert ours.shape == theirs.shape, case
        assert difference.max() <= 1, case
        assert (difference > 0).mean() <= 0.002, case


@pytest.mark.parametrize(
    ("key", "limit"),
    [("irfirst_float", 1e-5), ("official_y_float", 1e-5), ("net_float", 1e-5), ("net_float of PMGI", 2e-4),
     ("addition_float", 1e-2), ("l1_float", 1e-2), ("mean_float", 1e-2), ("derived_l1_float", 1e-2)],
)  # fmt: skip
def test_every_recorded_network_output_is_met(shared, key, limit):
    import torch

    picture = {
        "irfirst_float": "irfirst_u8", "official_y_float": "official_u8", "net_float": "u8",
        "net_float of PMGI": "u8 of PMGI",
    }.get(key, key.replace("float", "u8"))  # fmt: skip
    file, name, options, cases = PICTURES[picture]
    arrays, made = golden(shared, file), method(shared, name, **options)
    for case in cases:
        infrared, visible = pair(arrays, case)
        with torch.inference_mode():
            if name == "u2fusion":
                sides = [made.tensor(made.read(one) / 255) for one in (infrared, visible)]
                sides = sides if key == "irfirst_float" else sides[::-1]
                out = u2fusion.network(made.tensors, *sides)[0, 0].numpy()
            elif name in ("sdnet", "pmgi"):
                sides = [
                    made.tensor((made.read(one) - 127.5) / 127.5) for one in (infrared, visible)
                ]
                network = sdnet.network if name == "sdnet" else pmgi.network
                out = network(made.tensors, *sides)[0, 0].numpy()
            else:
                out = made.network(infrared, visible)
        assert np.abs(out - arrays[f"{case}/{key.split()[0]}"]).max() <= limit, case


def test_gray_is_read_as_the_authors_programs_read_it(shared):
    for file, name in (("SDNet", "sdnet"), ("DenseFuse", "densefuse")):
        arrays, made = golden(shared, file), method(shared, name)
        for case in USUAL:
            for side, image in zip(("ir", "vi"), pair(arrays, case), strict=True):
                assert np.array_equal(made.read(image), arrays[f"{case}/gray_{side}"]), (file, case)


def test_features_of_densefuse_are_those_of_both_programs(shared):
    import torch

    for file, name in (("DenseFuse", "densefuse"), ("DenseFuse-torch", "densefuse-torch")):
        arrays, made = golden(shared, file), method(shared, name)
        with torch.inference_mode():
            ours = made.encoded(pair(arrays, "tiny")[0])[0]
        theirs = arrays["tiny/enc_ir"]
        theirs = np.moveaxis(theirs, -1, 0) if name == "densefuse" else theirs
        assert np.abs(ours.numpy() - theirs).max() <= 1e-2


def test_a_black_pair_is_no_division_by_zero(shared):
    black = StoredImage(NO_FILE, np.zeros((12, 9), np.uint8))
    fused = method(shared, "densefuse", rule="l1").fuse_stored(black, black, 0)
    assert bool(fused.isfinite().all())


@pytest.mark.parametrize("name", [name for name in FILES if METHODS.get(name).weights[0].url])
def test_a_fetched_file_is_converted_once_and_found(shared, monkeypatch, tmp_path, name):
    """Both files of a checkpoint are downloaded, checked by their sha256, and become one."""
    from small_runs import ivif_here

    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path))
    (weights,) = METHODS.get(name).weights
    folder, first = shared / "data/weights/compared/tf", FILES[name]
    source = {weights.original: folder / first}
    for part in weights.beside:
        source[part.name] = folder / first.replace(".index", ".data-00000-of-00001")
    for target, path in source.items():
        (tmp_path / target).parent.mkdir(exist_ok=True)
        (tmp_path / target).write_bytes(path.read_bytes())
    done = ivif_here("weights", "fetch", name)  # finds the downloads there and checks them
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(as expected)") == len(source)
    converted, published = METHODS.load(name)(), method(shared, name)
    assert converted.tensors.keys() == published.tensors.keys()
    for key, value in published.tensors.items():
        assert bool((converted.tensors[key] == value).all()), key


@pytest.mark.parametrize("given", ["SDNet-IRVIS", "SDNet-IRVIS.index"])
def test_a_checkpoint_is_converted_by_its_prefix_or_its_index(shared, tmp_path, given):
    from small_runs import ivif_here

    folder, target = shared / "data/weights/compared/tf", tmp_path / "sdnet.safetensors"
    done = ivif_here("weights", "convert", "sdnet", folder / given, "--out", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert METHODS.load("sdnet")(weights=str(target))
    other = ivif_here("weights", "convert", "sdnet", folder / "U2Fusion.ckpt", "--out", target)
    assert other.returncode == 2
    assert "sdnet: weights" in other.stderr
    assert "missing" in other.stderr
    medical = ivif_here("weights", "convert", "sdnet", folder / "SDNet-Medical", "--out", target)
    assert medical.returncode == 0
    assert "not the published file" in medical.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "folder", "numbers"),
    [
        ("sdnet", {}, "SDNet", ("05", "11")),
        ("densefuse", {}, "DenseFuse", ("05",)),
        ("u2fusion", {"convention": "vif-benchmark"}, "U2Fusion", ("05",)),
    ],
)
def test_published_pictures_are_met_whole(shared, name, options, folder, numbers):
    made = method(shared, name, **options)
    for number in numbers:
        sources = [read_stored(shared / f"data/TNO42/{side}/{number}.png") for side in ("ir", "vi")]
        theirs = read_stored(shared / f"data/published_fused/{folder}/{number}.png").pixels
        ours = levels(made.fuse_stored(*sources, 0))
        difference = np.abs(ours.astype(int) - theirs)
        assert difference.max() <= 1
        assert difference.mean() <= 5e-4  # single levels that rounding decides, by the processor
