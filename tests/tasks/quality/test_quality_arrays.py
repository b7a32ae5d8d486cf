"""Arrays and tensors of every documented shape and type give the values of their uint8 images."""

from __future__ import annotations

import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
import torch

from ivif_bench.data.images import luma
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality import evaluate

NAMES = ("EN", "SF", "CC", "MI", "Qabf", "SSIM", "VIF")
CUDA = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    ],
)
H, W = 60, 73


def smooth(count, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 10, 12)).astype(np.uint8)
    return np.stack([cv2.resize(one, (W, H), interpolation=cv2.INTER_CUBIC) for one in coarse])


@pytest.fixture(scope="module")
def batch():
    """Four pairs and fused images: gray [4, H, W], RGB [4, H, W, 3], gray [4, H, W]."""
    infrared, fused = smooth(4, 1), smooth(4, 2)
    return infrared, np.stack([smooth(3, seed).transpose(1, 2, 0) for seed in range(4)]), fused


@pytest.fixture(scope="module")
def expected(batch):
    """Values of each image by itself, as uint8 [H, W] whose luma is taken here."""
    return [
        evaluate(infrared, luma(visible), fused, NAMES)
        for infrared, visible, fused in zip(*batch, strict=True)
    ]


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name


FIRST = {  # layouts of the first image, of [H, W, 3] or [H, W]
    "channels last": lambda x: x,
    "channels first": lambda x: np.moveaxis(x, 2, 0) if x.ndim == 3 else x[None],
    "three equal channels last": lambda x: x if x.ndim == 3 else np.dstack([x] * 3),
    "three equal channels first": lambda x: (
        np.moveaxis(x, 2, 0) if x.ndim == 3 else np.stack([x] * 3)
    ),
    "not contiguous": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2],
    "turned strides": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "read only": lambda x: np.frombuffer(x.tobytes(), np.uint8).reshape(x.shape),
    "Fortran order": np.asfortranarray,
}
KINDS = {
    "uint8": (lambda x: x, None),
    "uint8, range named": (lambda x: x, 255),
    "float16 in 0..1": (lambda x: (x / 255).astype(np.float16), 1.0),
    "float32 in 0..1": (lambda x: (x / 255).astype(np.float32), 1.0),
    "float64 in 0..1": (lambda x: x / 255, 1),
    "big endian": (lambda x: (x / 255).astype(">f4"), 1.0),
    "float32 in 0..255": (lambda x: x.astype(np.float32), 255),
    "float64 in 0..255": (lambda x: x.astype(float), 255.0),
}


@pytest.mark.parametrize("layout", FIRST)
def test_layouts_of_single_images_have_the_values_of_uint8(layout, batch, expected):
    images = [FIRST[layout](side[0]) for side in batch]
    assert_equal(evaluate(*images, NAMES), expected[0])
    assert_equal(
        evaluate(*(image.astype(float) for image in images), NAMES, data_range=255), expected[0]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tensors", [False, True])
def test_floats_of_whole_levels_have_the_values_of_uint8(kind, tensors, batch, expected):
    make, data_range = KINDS[kind]
    images = [make(side[1]) for side in batch]
    if tensors:
        images = [torch.from_numpy(x.astype(x.dtype.newbyteorder("="))) for x in images]
    assert_equal(evaluate(*images, NAMES, data_range=data_range), expected[1])


def in_batch(side):
    """[B, H, W] or [B, H, W, 3] to [B, C, H, W]."""
    return side[:, None] if side.ndim == 3 else side.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_a_batch_has_the_values_of_its_images(dtype, device, batch, expected):
    scale, data_range = (1, None) if dtype == "uint8" else (255, 1.0)
    arrays = [(in_batch(side) / scale).astype(dtype) for side in batch]
    tensors = [torch.from_numpy(array).to(device) for array in arrays]
    for given in (arrays, tensors):
        found = evaluate(*given, NAMES, data_range=data_range)
        assert isinstance(found, list)
        for one, of_image in zip(found, expected, strict=True):
            assert_equal(one, of_image)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_tensor_on_any_device_is_rounded_as_the_array_is(device):
    """Values between the levels, so that another rounding would show."""
    generator = np.random.default_rng(3)
    for dtype in (np.float16, np.float32, np.float64):
        arrays = [generator.uniform(0, 1, (2, 1, 40, 48)).astype(dtype) for _ in range(3)]
        tensors = [torch.from_numpy(array).to(device) for array in arrays]
        expected = evaluate(*arrays, NAMES, data_range=1.0)
        for one, other in zip(evaluate(*tensors, NAMES, data_range=1.0), expected, strict=True):
            assert_equal(one, other)


def test_tensors_of_a_training_loop_are_taken(batch, expected):
    infrared, visible, fused = (torch.from_numpy(in_batch(side) / 255.0) for side in batch)
    fused = fused.clone().requires_grad_()
    stepped = torch.stack([visible] * 2, dim=-1).permute(4, 0, 1, 2, 3)[0]
    assert not stepped.is_contiguous()
    with torch.no_grad():
        inside = evaluate(infrared, stepped, fused, NAMES, data_range=1.0)
    outside = evaluate(infrared, visible, fused * 1.0, NAMES, data_range=1.0)
    for found in (inside, outside):
        for one, of_image in zip(found, expected, strict=True):
            assert_equal(one, of_image)
    assert fused.grad is None


def test_bfloat16_is_the_float32_that_it_stands_for(batch):
    """It has 8 digits: up to half a level off at white, which is the tensor's own loss."""
    images = [torch.from_numpy(side[2] / 255.0).to(torch.bfloat16) for side in batch]
    found = evaluate(*images, NAMES, data_range=1.0)
    assert_equal(found, evaluate(*(image.float() for image in images), NAMES, data_range=1.0))
    whole = [torch.from_numpy(side[2]).to(torch.bfloat16) for side in batch]  # 0..255 are exact
    assert_equal(evaluate(*whole, NAMES, data_range=255), evaluate(*(s[2] for s in batch), NAMES))


def test_files_stand_beside_floats(batch, expected, tmp_path):
    cv2.imwrite(str(tmp_path / "ir.png"), batch[0][0])
    found = evaluate(
        tmp_path / "ir.png", batch[1][0] / 255, batch[2][0] / 255, NAMES, data_range=1.0
    )
    assert_equal(found, expected[0])


def level(value, dtype=np.float64, data_range=1.0):
    """The level to which a value is rounded, from the mean squared error against black."""
    image, black = np.full((8, 8), value, dtype), np.zeros((8, 8), dtype)
    return evaluate(black, black, image, ["RMSE"], data_range=data_range)["RMSE"]


@pytest.mark.filterwarnings("ignore:.*which is black")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((0.5, 0), (1.5, 2), (2.5, 2), (127.5, 128), (128.5, 128), (254.5, 254), (-0.5, 0)),
        *((0.49, 0), (0.51, 1), (254.49, 254), (254.51, 255), (-0.49, 0), (255.49, 255)),
    ],
)
def test_halves_go_to_the_even_level(value, expected):
    assert level(value, data_range=255) == expected
    assert level(value, np.float32, 255) == expected


def test_halves_of_the_unit_range_go_to_the_even_level():
    assert level(0.5) == level(0.5, np.float32) == 128  # 127.5, exactly
    assert level(0.1) == 26  # 25.5
    assert level(np.nextafter(0.5, 0)) == 127


def test_floats_are_rounded_as_tensors_commonly_are(batch):
    """As a run rounds what a method returns, and as training code writes its images."""
    values = torch.rand(3, H, W, generator=torch.Generator().manual_seed(4))
    written = (values * 255).round().byte().permute(1, 2, 0).numpy()
    sides = [side[0] for side in batch[:2]]
    found = evaluate(*(side / np.float32(255) for side in sides), values, NAMES, data_range=1.0)
    assert_equal(found, evaluate(*sides, written, NAMES))


G, F, T = np.zeros((9, 8), np.uint8), np.zeros((9, 8), np.float32), torch.zeros(9, 8)
ONE = {"data_range": 1.0}


def spoiled(value, shape=(9, 8), at=0):
    image = np.zeros(shape)
    image.reshape(len(image), -1)[at, 5] = value
    return image


REFUSED = {
    "float array, no range": (F, {}, "float32 without data_range; write data_range=1.0 .*=255 for"),
    "float tensor, no range": (T, {}, "float32 without data_range"),
    "half tensor, no range": (T.half(), {}, "float16 without data_range"),
    "uint8 array in 0..1": (G, ONE, "uint8 with data_range=1.0; .* give x / 255"),
    "uint8 tensor in 0..1": (torch.from_numpy(G), ONE, "uint8 with data_range=1.0"),
    "NaN": (spoiled(np.nan), ONE, "fused image: 1 of 72 values are NaN"),
    "NaN in 0..255": (spoiled(np.nan), {"data_range": 255}, "1 of 72 values are NaN"),
    "infinity": (spoiled(np.inf), ONE, "1 of 72 values are infinite"),
    "minus infinity": (torch.full((9, 8), -torch.inf), ONE, "72 of 72 values are infinite"),
    "too large to scale": (spoiled(1e308), ONE, r"values from 0 to 1e\+308; .* clip them"),
    "above 1": (spoiled(1.01), ONE, "values from 0 to 1.01; with data_range=1.0 .* in 0..1: clip"),
    "below 0": (spoiled(-0.01), ONE, "values from -0.01 to 0"),
    "above 255": (spoiled(255.6), {"data_range": 255}, "values from 0 to 255.6; .* 0..255: clip"),
    "in -1..1": (spoiled(-1.0), ONE, r"values from -1 to 0; .* or write \(x \+ 1\) / 2 if"),
    "in 0..255 as 0..1": (spoiled(200.0), ONE, "values from 0 to 200; .* or data_range=255 if they"),
    "int64 array": (G.astype(int), ONE, "int64 array; give uint8 in 0..255, or floating point"),
    "int64 tensor": (T.long(), ONE, "int64 tensor; give uint8"),
    "uint16": (G.astype(np.uint16), {}, "uint16 array"),
    "bool": (T.bool(), {}, "bool tensor"),
    "complex array": (G.astype(complex), ONE, "complex128 array"),
    "complex tensor": (T.to(torch.complex64), ONE, "complex64 tensor"),
    "float8": (T.to(torch.float8_e5m2), ONE, "float8_e5m2 tensor"),
    "object": (G.astype(object), ONE, "object array"),
    "list of arrays": ([G], {}, "list; .* join it by np.stack or torch.stack"),
    "tuple of tensors": ((T,), ONE, "tuple; "),
    "nothing": (None, {}, "NoneType; give a NumPy array, a torch tensor or a file"),
    "masked": (np.ma.masked_array(G, G == 0), {}, r"a masked array; .* x.filled\(0\)"),
    "sparse": (T.to_sparse(), ONE, "pixels cannot be read .*[Ss]parse.*; give a dense tensor"),
    "meta": (T.to("meta"), ONE, "a tensor whose pixels cannot be read"),
    "no axis": (np.zeros(()), ONE, r"shape \(\); give \[H, W\], "),
    "one axis": (G[0], {}, r"shape \(8,\); give \[H, W\]"),
    "five axes": (G[None, None, None], {}, r"shape \(1, 1, 1, 9, 8\)"),
    "no pixels": (G[:, :0], {}, r"shape \(9, 0\); it has no pixels"),
    "no images": (G[None, None][:0], {}, r"shape \(0, 1, 9, 8\); it has no pixels"),
    "channels first or last": (np.zeros((3, 9, 3), np.uint8), {}, r"x.transpose\(2, 0, 1\)\[None\]"),
    "one row or gray": (np.zeros((1, 9, 3), np.uint8), {}, r"channels may be first or last; "),
    "the same of tensors": (torch.zeros(3, 9, 3), ONE, r"x\[None\] .* x.permute\(2, 0, 1\)"),
    "batch without channels": (np.zeros((5, 9, 8), np.uint8), {}, r"write x\[:, None\] for a batch"),
    "one channel last": (G[..., None], {}, r"shape \(9, 8, 1\); write x\[..., 0\]"),
    "alpha last": (np.zeros((9, 8, 4), np.uint8), {}, r"fourth channel out: x\[..., :3\]"),
    "alpha first": (np.zeros((4, 9, 8), np.uint8), {}, r"fourth channel out: x\[:3\]"),
    "batch, channels last": (np.zeros((2, 9, 8, 3), np.uint8), {}, r"x.transpose\(0, 3, 1, 2\)"),
    "tensors, channels last": (torch.zeros(2, 9, 8, 1), ONE, r"x.permute\(0, 3, 1, 2\)"),
    "batch of two channels": (torch.zeros(2, 2, 9, 8), ONE, r"shape \(2, 2, 9, 8\); give"),
}  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_a_guess_is_refused_in_one_line_that_says_what_to_write(name):
    bad, options, message = REFUSED[name]
    good = F if "data_range" in options else G
    with pytest.raises(UserError, match=message) as raised:
        evaluate(good, good, bad, ["EN"], **options)
    assert str(raised.value).startswith("fused image: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("first", [1, 3])
def test_what_is_ambiguous_has_a_value_as_a_batch_of_one(first):
    x = np.random.default_rng(first).integers(0, 256, (first, 9, 3)).astype(np.uint8)
    gray = {"first": x[0] if first == 1 else luma(np.moveaxis(x, 0, 2)), "last": luma(x)}
    for batch, image in ((x[None], gray["first"]), (x.transpose(2, 0, 1)[None], gray["last"])):
        assert evaluate(batch, batch, batch, ["EN"]) == [evaluate(image, image, image, ["EN"])]


@pytest.mark.parametrize("side", [0, 1, 2])
def test_a_bad_image_of_a_batch_is_named(side):
    images = [np.zeros((3, 1, 9, 8)) for _ in range(3)]
    images[side] = spoiled(np.nan, (3, 1, 9, 8), at=2)
    name = ("infrared", "visible", "fused")[side]
    with pytest.raises(UserError, match=f"^{name} image 2 of the batch: 1 of 72 values are NaN"):
        evaluate(*images, data_range=1.0)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ((2, 2, 3), "infrared a batch of 2, visible a batch of 2, fused a batch of 3; give three"),
        ((1, 1, 4), "infrared a batch of 1, .* repeat an image"),
        ((0, 0, 4), "infrared one image, visible one image, fused a batch of 4"),
        ((1, 1, 0), "infrared a batch of 1, visible a batch of 1, fused one image"),
    ],
)
def test_batches_of_other_lengths_are_refused_and_the_advice_works(lengths, message):
    images = [np.full((n, 1, 9, 8) if n else (1, 9, 8), 7, np.uint8) for n in lengths]
    with pytest.raises(UserError, match=message):
        evaluate(*images, ["EN"])
    repeated = np.broadcast_to(np.full((1, 9, 8), 7, np.uint8), (4, 1, 9, 8))
    tensor = torch.full((1, 9, 8), 7, dtype=torch.uint8).expand(4, -1, -1, -1)
    assert evaluate(repeated, tensor, repeated, ["EN"]) == [{"EN": 0.0}] * 4


@pytest.mark.parametrize("data_range", [0, 2, -1, 100, 1.5, "1.0", True, float("nan"), (1, 255)])
def test_other_ranges_are_refused(data_range):
    with pytest.raises(UserError, match=r"^data_range=.*: write 1.0 for floats in 0..1, 255 for"):
        evaluate(F, F, F, ["EN"], data_range=data_range)


def test_values_in_0_to_1_named_as_0_to_255_warn():
    dim = np.linspace(0, 0.98, 72).reshape(9, 8)
    with pytest.warns(
        UserWarning, match=r"fused image: no value above 0.98 .* data_range=1.0"
    ) as w:
        evaluate(F + 9, F + 9, dim, ["EN"], data_range=255)
    assert w[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(F, F + 2, F, ["EN"], data_range=255)  # all black is all black
        evaluate(F, F, F + np.float32(1 / 255), ["EN"], data_range=1.0)


def test_sizes_that_differ_are_refused_in_batches_too():
    small, large = np.zeros((2, 1, 9, 8), np.uint8), np.zeros((2, 3, 9, 9), np.uint8)
    with pytest.raises(UserError, match="sizes differ: infrared 8x9, visible 9x9, fused 8x9"):
        evaluate(small, large, small)


@pytest.mark.slow
def test_arrays_do_not_load_torch():
    code = (
        "import sys, numpy as np; from ivif_bench import evaluate; x = np.full((2, 1, 50, 50), .5); "
        "evaluate(x, x, x, ['EN', 'SSIM'], data_range=1.0); "
        "evaluate(x, x, x, ['SF', 'SSIM'], data_range=1.0, quantise=False); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
