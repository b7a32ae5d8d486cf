"""Networks and pictures of the compared methods published as PyTorch files, against the authors' programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivif_bench.data.images import encode_png, read_stored
from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models import (
    datfuse,
    didfuse,
    ifcnn,
    lrrnet,
    mufusion,
    reconet,
    seafusion,
    tardal,
    ydtr,
)
from ivif_bench.fusion_models.compared.reading import NO_FILE
from ivif_bench.types import StoredImage

CASES = ("tno25", "road", "m3fd")
FILES = {
    "tardal": "compared/torch/TarDAL.pt",
    "tardal-plus": "compared/torch/TarDAL+.pt",
    "tardal-plusplus": "tardal++.pt",
    "reconet": "compared/torch/ReCoNet.pth",
    "mufusion": "compared/torch/MUFusion-TNO.model",
    "mufusion-roadscene": "compared/torch/MUFusion-RoadScene.model",
    "seafusion": "SeAFusion.pth",
    "ifcnn": "IFCNN-MAX.pth",
    "didfuse": "compared/torch/DIDFuse-Encoder.pkl",
    "ydtr": "compared/torch/YDTR.pth",
    "datfuse": "compared/torch/DATFuse.pth",
    "lrrnet": "compared/torch/LRRNet.model",
}
# Golden file, absolute tolerance of the output and of every other array, by its README.
GOLDENS = {
    "tardal": ("tardal", 1e-5, 2e-4),
    "tardal-plus": ("tardal_plus", 2e-6, 3e-5),
    "tardal-plusplus": ("tardal_plusplus", 1e-5, 6e-5),
    "reconet": ("reconet", 2e-6, 1e-5),
    "mufusion": ("mufusion_tno", 2e-6, 1e-5),
    "mufusion-roadscene": ("mufusion_road", 2e-6, 1e-5),
    "seafusion": ("seafusion", 1e-5, 2e-5),
    "ifcnn": ("ifcnn", 1e-5, 1e-5),
    "didfuse": ("didfuse", 2e-6, 1e-4),
    "ydtr": ("ydtr", 2e-6, 2e-5),
    "datfuse": ("datfuse", 2e-6, 6e-5),
    "lrrnet": ("lrrnet", 2e-6, 1e-5),
}
NOT_OF_THE_NETWORK = {"rgb"}
# Recorded pictures: name in the golden file and the options that make it.
PICTURES = {
    "tardal": {
        "u8_gray": {"norm": "file"},
        "u8": {"norm": "file", "colour": "restored"},
        "bs_u8_gray": {},
        "bs_u8": {"colour": "restored"},
    },
    "tardal-plus": {"u8_gray": {}, "u8": {"colour": "restored"}},
    "tardal-plusplus": {"u8_gray": {}, "u8": {"colour": "restored"}},
    "reconet": {"u8": {}},
    "mufusion": {"u8": {}},
    "mufusion-roadscene": {"u8": {}},
    "seafusion": {"u8": {}},
    "ifcnn": {"u8": {}},
    "didfuse": {"u8": {}},
    "ydtr": {"u8": {}},
    "datfuse": {"u8": {}},
    "lrrnet": {"u8": {}},
}


def method(shared: Path, name: str, **options):
    """The method with its authors' file."""
    weights = shared / "data" / "weights" / FILES[name]
    return METHODS.load(name)(weights=str(weights), device="cpu", **options)


def golden(shared: Path, name: str, case: str) -> dict[str, np.ndarray]:
    """The recorded arrays of one case, by their names without it."""
    arrays = np.load(shared / "golden" / "compared" / "torch" / f"{GOLDENS[name][0]}.npz")
    start = f"{case}_"
    return {key.removeprefix(start): arrays[key] for key in arrays.files if key.startswith(start)}


def thinned(key: str) -> tuple[str, int]:
    """Name of the step, and that every n-th channel of it is recorded."""
    step, _, every = key.rpartition("_c")
    return (step, int(every)) if step and every.isdigit() else (key, 1)


def steps(name: str, tensors, infrared, visible, gray):
    """Every recorded array that the network alone gives, by its name without the case.

    Args:
        infrared, gray: uint8 [H, W].
        visible: uint8 [H, W, 3].
    """
    import torch

    kind = next(iter(tensors.values())).dtype

    def planes(levels):
        scaled = torch.from_numpy(levels.astype(np.float32)) / 255
        return (
            scaled[None, None].to(kind)
            if levels.ndim == 2
            else scaled.movedim(-1, 0)[None].to(kind)
        )

    found = {}

    def recorder(prefix: str = ""):
        return lambda step, value: found.__setitem__(prefix + step, value.clone())

    first, second = planes(infrared), None if gray is None else planes(gray)
    if name.startswith("tardal"):
        for prefix, of_picture in (("", False), ("bs_", True)):
            fused = tardal.network(tensors, first, second, of_picture, recorder(prefix))
            found[f"{prefix}out"] = fused.clamp(0, 1)
    elif name == "reconet":
        reconet.network(tensors, first, second, recorder())
    elif name.startswith("mufusion"):
        patch = (..., slice(0, mufusion.SIDE), slice(0, mufusion.SIDE))
        first, second = (planes(one).double() for one in (infrared, gray))
        found["p0_out"] = mufusion.network(tensors, first[patch], second[patch], recorder("p0_"))
        found["out"] = mufusion.patched(tensors, first, second)[0, 0]
    elif name == "seafusion":
        y = seafusion.seafusion_split(visible.astype(np.float32) / 255)[..., 0]
        found["in_y"], found["in_ir"] = torch.from_numpy(y)[None, None].to(kind), first
        found["out"] = seafusion.network(tensors, found["in_y"], first, recorder())
    elif name == "ifcnn":
        sides = planes(visible), first.repeat(1, 3, 1, 1)
        found["out"] = ifcnn.network(tensors, *sides, recorder())
        mean, deviation = (
            torch.tensor(v, dtype=kind)[:, None, None] for v in (ifcnn.MEAN, ifcnn.DEVIATION)
        )
        sides = (
            (first.repeat(1, 3, 1, 1) - mean) / deviation,
            (second.repeat(1, 3, 1, 1) - mean) / deviation,
        )
        found["vifb_out"] = ifcnn.network(tensors, *sides, recorder("vifb_"))
    elif name in ("ydtr", "datfuse"):
        network = {"ydtr": ydtr, "datfuse": datfuse}[name].network
        found["out"] = network(tensors, first, second, recorder())
    elif name == "lrrnet":
        sides = [
            torch.from_numpy(lrrnet.stretched(one.astype(np.float32)))[None, None].to(kind)
            for one in (infrared, gray)
        ]
        found["in_ir"], found["in_vi"] = sides
        found["out"] = lrrnet.network(tensors, *sides, recorder())
    else:
        for rule, prefix in (("sum", ""), ("average", "avg_"), ("l1", "l1_")):
            found[f"{prefix}out"] = didfuse.network(tensors, first, second, rule, recorder(prefix))
    return {step: value.float().numpy() for step, value in found.items()}


# The first case of each is quick, but MUFusion takes seconds for a picture: two cases, and one patch quick.
CASES_OF_EACH = [
    pytest.param(
        name, case, marks=[pytest.mark.slow] if case != "tno25" or "mufusion" in name else []
    )
    for name in GOLDENS
    for case in CASES
    if case != "m3fd" or "mufusion" not in name
]


@pytest.mark.parametrize(("name", "case"), CASES_OF_EACH)
def test_every_recorded_array_is_met(shared, name, case):
    import torch

    recorded = golden(shared, name, case)
    _, tolerance, within = GOLDENS[name]
    gray = recorded.get("vi_gray", recorded.get("vifb_vi_gray"))
    with torch.inference_mode():
        tensors = method(shared, name).tensors
        found = steps(name, tensors, recorded["ir"], recorded["vi"], gray)
    compared = set()
    for key, value in recorded.items():
        step, every = thinned(key)
        if step not in found:
            continue
        ours = found[step][:, ::every] if every > 1 else found[step]
        limit = tolerance if step.endswith("out") else within
        assert ours.shape == value.shape, key
        assert np.abs(ours - value).max() <= limit, (key, np.abs(ours - value).max())
        compared.add(key)
    floats = {key for key, value in recorded.items() if value.dtype == np.float32}
    assert floats - compared <= NOT_OF_THE_NETWORK


@pytest.mark.slow
@pytest.mark.parametrize(("name", "case"), CASES_OF_EACH)
def test_every_recorded_picture_is_met(shared, tmp_path, name, case):
    recorded = golden(shared, name, case)
    pair = []
    for side in ("ir", "vi"):  # files, since some programs leave the conversion to the decoder
        (tmp_path / f"{side}.png").write_bytes(encode_png(recorded[side]))
        pair.append(read_stored(tmp_path / f"{side}.png"))
    for picture, options in PICTURES[name].items():
        fused = method(shared, name, **options).fuse_stored(*pair, 0)[0]
        ours = fused.mul(255).round().byte().movedim(0, -1).numpy().squeeze()
        difference = np.abs(ours.astype(int) - recorded[picture])
        assert ours.shape == recorded[picture].shape, picture
        assert difference.max() <= 1, picture
        assert (difference > 0).mean() <= 0.005, picture


@pytest.mark.slow
def test_a_patch_of_mufusion_is_met(shared):
    import torch

    recorded = golden(shared, "mufusion", "tno25")
    sides = [
        torch.from_numpy(recorded[side][: mufusion.SIDE, : mufusion.SIDE]).double()[None, None]
        / 255
        for side in ("ir", "vi_gray")
    ]
    with torch.inference_mode():
        fused = mufusion.network(method(shared, "mufusion").tensors, *sides)
    assert np.abs(fused.numpy() - recorded["p0_out"]).max() <= 2e-6


def test_patches_of_mufusion_are_the_authors():
    assert mufusion.corners(128, 128) == [(0, 0)] * 4
    assert len(mufusion.corners(480, 640)) == 24


TNO, OWN = "data/TNO42", "data/published_fused/torch"
PUBLISHED = [
    ("seafusion", {}, f"{TNO}/fused/SeAFusion/05.png", f"{TNO}/ir/05.png", f"{TNO}/vi/05.png"),
    (
        "ifcnn",
        {"convention": "tno42"},
        f"{TNO}/fused/IFCNN/05.png",
        f"{TNO}/ir/05.png",
        f"{TNO}/vi/05.png",
    ),
    ("ifcnn", {}, *(f"{OWN}/ifcnn_authors/Camp_{part}.png" for part in ("fused", "ir", "vi"))),
    (
        "didfuse",
        {},
        f"{OWN}/didfuse/tno_did5_fused.png",
        f"{OWN}/didfuse/tno_did5_ir.bmp",
        f"{OWN}/didfuse/tno_did5_vi.bmp",
    ),
    ("datfuse", {}, *(f"{OWN}/datfuse/1_{part}.bmp" for part in ("fused", "ir", "vi"))),
    ("lrrnet", {}, f"{OWN}/lrrnet/IR8.png", f"{TNO}/ir/05.png", f"{TNO}/vi/05.png"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "fused", "infrared", "visible"), PUBLISHED)
def test_a_published_picture_is_made_again(shared, name, options, fused, infrared, visible):
    pair = [read_stored(shared / side) for side in (infrared, visible)]
    ours = method(shared, name, **options).fuse_stored(*pair, 0)[0]
    ours = ours.mul(255).round().byte().movedim(0, -1).numpy().squeeze()
    published = read_stored(shared / fused).pixels
    if published.ndim > ours.ndim:  # gray stored as three equal channels
        published = published[..., 0]
    difference = np.abs(ours.astype(int) - published)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= (1e-3 if name == "datfuse" else 2e-4)


@pytest.mark.parametrize("case", ["black", "dark"])
def test_values_of_datfuse_below_zero_become_bright_as_in_the_authors_files(shared, case):
    arrays = np.load(shared / "golden/compared/torch/datfuse_dark.npz")
    pair = [StoredImage(NO_FILE, arrays[f"{case}_{side}"]) for side in ("ir", "vi")]
    fused = method(shared, "datfuse").fuse_stored(*pair, 0)[0, 0].mul(255).round().byte().numpy()
    recorded = arrays[f"{case}_u8"]
    apart = (fused.astype(int) - recorded) % 256  # one level apart may be 255 and 0
    assert (np.minimum(apart, 256 - apart) <= 1).all()
    assert (apart > 0).mean() <= 0.005
