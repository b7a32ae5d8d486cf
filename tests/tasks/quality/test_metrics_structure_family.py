"""VIFF, MEF-SSIM, Q_S, Q_W, Q_E, Q_G, Q_Y, Q_C: recorded values, formulas in SciPy, properties."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from ivif_bench.data.images import read_gray
from ivif_bench.tasks.quality.engine import measure
from ivif_bench.tasks.quality.metrics.gradient_quality import gradient_quality
from ivif_bench.tasks.quality.metrics.piella import weighted_fusion_quality
from ivif_bench.tasks.quality.metrics.viff import fusion_information_fidelity
from ivif_bench.tasks.quality.registry import METRICS
from ivif_bench.tasks.quality.shared import REASONS, Shared, Undefined

NAMES = ("VIFF", "MEF-SSIM", "Q_S", "Q_W", "Q_E", "Q_G", "Q_Y", "Q_C")
RECORDED = {
    "VIFF": ("thfylsty_m", "VIFF"),
    "MEF-SSIM": ("Tang_m", "MEF_SSIM"),
    "Q_S": ("Liu_m", "Q_S"),
    "Q_W": ("Liu_m", "Q_W"),
    "Q_G": ("Liu_m", "Q_G"),
}
# Where the program prints a number and the definition has no value.
EXCEPTIONS = {
    ("edge_all_const", "VIFF"): "constant_source",  # it prints 1e-7/1e-7
    ("edge_noise_small", "MEF-SSIM"): "negative_scale",  # the real part of a complex number
}


def value(triple, name):
    return measure(*triple, [name])[name].value


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "metrics"
    values = json.loads((folder / "golden_metrics.json").read_text())["values"]
    read = lambda name, side: read_gray(folder / f"{name}_{side}.png")  # noqa: E731
    return {n: (tuple(read(n, s) for s in ("ir", "vi", "fu")), values[n]) for n in values}


@pytest.mark.golden
def test_recorded_values_of_the_public_programs_are_reproduced(golden):
    assert len(golden) == 12
    for name, (triple, recorded) in golden.items():
        found = measure(*triple, list(RECORDED))
        for metric, (evaluator, key) in RECORDED.items():
            reason = EXCEPTIONS.get((name, metric), "")
            assert found[metric].reason == reason, (name, metric)
            if not reason:
                expected = recorded[evaluator][key]
                assert found[metric].value == pytest.approx(expected, rel=0, abs=5e-12), (
                    name,
                    metric,
                )


@pytest.mark.golden
def test_what_the_programs_do_with_zeros_moves_values_by_little(golden):
    """The settings that are exact mathematics, beside those that reproduce the programs."""
    for triple, recorded in golden.values():
        shared = Shared(*triple)
        assert gradient_quality(shared, zeros="symmetric") == pytest.approx(
            recorded["Liu_m"]["Q_G"], rel=0, abs=4e-9
        )
    flat_weight_counts = {
        name: abs(weighted_fusion_quality(Shared(*triple), 0.0) - recorded["Liu_m"]["Q_W"])
        for name, (triple, recorded) in golden.items()
        if name != "edge_all_const"
    }
    assert flat_weight_counts.pop("tno10_avg") == pytest.approx(3.267e-9, abs=1e-12)
    assert max(flat_weight_counts.values()) < 1e-12
    with pytest.raises(Undefined, match="constant_source"):
        weighted_fusion_quality(Shared(*golden["edge_all_const"][0]), flat_weight=0.0)
    constant = Shared(*golden["edge_all_const"][0])
    assert fusion_information_fidelity(constant, flat_source=1.0) == 1.0


@pytest.fixture(scope="module")
def triple():
    """Smooth shapes with noise, a saturated area common to both sources, and odd sides."""
    generator = np.random.default_rng(11)
    planes = [ndimage.zoom(generator.uniform(20, 220, (9, 13)), 9, order=3) for _ in range(2)]
    a, b = (plane + generator.normal(0, 6, plane.shape) for plane in planes)
    a[20:50, 30:70] = b[20:50, 30:70] = 255
    fused = 0.55 * a + 0.4 * b + generator.normal(0, 3, a.shape)
    return tuple(np.clip(np.rint(x), 0, 255).astype(np.uint8) for x in (a, b, fused))


def gauss(plane, side, sigma):
    taps = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * sigma**2))
    return signal.convolve2d(plane, np.outer(taps, taps) / taps.sum() ** 2, "valid")


def statistics(x, y, side, tiny):
    """Means, variances and covariance; what rounding leaves of flat windows is 0."""
    m = lambda p: gauss(p, side, 1.5)  # noqa: E731
    mx, my = m(x), m(y)
    vx, vy = m(x * x) - mx**2, m(y * y) - my**2
    vx, vy = np.where(vx < tiny, 0, vx), np.where(vy < tiny, 0, vy)
    return mx, my, vx, vy, np.where((vx == 0) | (vy == 0), 0, m(x * y) - mx * my)


def ssim_map(x, y, side, c1, c2, tiny):
    mx, my, vx, vy, c = statistics(x, y, side, tiny)
    return (2 * mx * my + c1) * (2 * c + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)), vx, c


def share_of(first, second):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((first == 0) & (second == 0), 0.5, first / (first + second))


def piella(a, b, f, tiny):
    qa, va, _ = ssim_map(a, f, 11, 6.5025, 58.5225, tiny)
    qb, vb, _ = ssim_map(b, f, 11, 6.5025, 58.5225, tiny)
    share = share_of(va, vb)
    q = share * qa + (1 - share) * qb
    w = np.where(va + vb == 0, 0.5, np.maximum(va, vb))
    return q.mean(), (w * q).sum() / w.sum()


def test_piellas_qualities_follow_their_formulas_written_with_scipy(triple):
    images = [image.astype(float) for image in triple]
    q_s, q_w = piella(*images, 1e-9)
    ones, ramp = np.ones((1, 3)), np.array([[-1.0, 0, 1]])
    convolve = lambda p, k: signal.convolve2d(p, k, "same")  # noqa: E731
    edges = [
        np.hypot(
            convolve(convolve(p, ramp), ones.T), convolve(convolve(p, ones), ramp.T)
        )
        for p in images
    ]  # fmt: skip
    assert value(triple, "Q_S") == pytest.approx(q_s, abs=1e-12)
    assert value(triple, "Q_W") == pytest.approx(q_w, abs=1e-12)
    assert value(triple, "Q_E") == pytest.approx(q_w * piella(*edges, 2e-8)[1], abs=1e-11)


def test_yangs_and_cvejics_similarities_follow_their_formulas_written_with_scipy(triple):
    a, b, f = (image.astype(float) for image in triple)
    qa, va, ca = ssim_map(a, f, 7, 2e-16, 2e-16, 1e-9)
    qb, vb, cb = ssim_map(b, f, 7, 2e-16, 2e-16, 1e-9)
    share = share_of(va, vb)
    alike = ssim_map(a, b, 7, 2e-16, 2e-16, 1e-9)[0] >= 0.75
    assert 0.05 < alike.mean() < 0.95
    yang = np.where(alike, share * qa + (1 - share) * qb, np.maximum(qa, qb))
    assert value(triple, "Q_Y") == pytest.approx(yang.mean(), abs=1e-11)
    share = np.clip(share_of(ca, cb), 0, 1)
    assert value(triple, "Q_C") == pytest.approx((share * qa + (1 - share) * qb).mean(), abs=1e-11)


def mef_ssim(triple):
    """Patch by patch, as the paper has it; where the sources cancel out no structure is wanted."""
    window = gauss(np.pad([[1.0]], 10), 11, 1.5)
    planes, product = [x.astype(float) for x in triple], 1.0
    for weight in np.array([0.0448, 0.2856, 0.3001]) / 0.6305:
        patches = [np.lib.stride_tricks.sliding_window_view(x, (11, 11)) for x in planes]
        found = []
        for i, j in np.ndindex(patches[0].shape[:2]):
            pa, pb, pf = (patch[i, j] - patch[i, j].mean() for patch in patches)
            lengths = np.array([np.linalg.norm(pa), np.linalg.norm(pb)])
            wanted = np.zeros((11, 11))
            if np.abs(pa + pb).max() > 1e-9:
                agreement = np.linalg.norm(pa + pb) / lengths.sum()
                strengths = lengths + 0.001
                weights = (strengths / 11) ** min(math.tan(math.pi / 2 * agreement), 10)
                weights /= weights.sum()
                wanted = weights[0] * pa / strengths[0] + weights[1] * pb / strengths[1]
                wanted *= strengths.max() / np.linalg.norm(wanted)
            mr, mf = (window * wanted).sum(), (window * pf).sum()
            vr, vf = (window * wanted**2).sum() - mr**2, (window * pf**2).sum() - mf**2
            c = (window * wanted * pf).sum() - mr * mf
            found.append((2 * c + 58.5225) / (vr + vf + 58.5225))
        product *= np.mean(found) ** weight
        padded = [np.pad(x, ((0, 1), (0, 1)), mode="symmetric") for x in planes]
        planes = [(p[:-1, :-1] + p[1:, :-1] + p[:-1, 1:] + p[1:, 1:])[::2, ::2] / 4 for p in padded]
    return product


def test_mef_ssim_follows_its_definition_on_explicit_patches():
    """On images that have but few of them."""
    generator = np.random.default_rng(4)
    a, b = (ndimage.gaussian_filter(generator.uniform(0, 255, (47, 45)), 1.5) for _ in range(2))
    a, b = 4 * (a - 128) + 128, 4 * (b - 128) + 128
    triple = [np.clip(np.rint(x), 0, 255).astype(np.uint8) for x in (a, b, 0.5 * (a + b))]
    assert value(triple, "MEF-SSIM") == pytest.approx(mef_ssim(triple), abs=1e-11)


def checkerboard(square, size=(47, 45)):
    rows, columns = np.indices(size) // square
    return ((rows + columns) % 2 * 255).astype(np.uint8)


@pytest.mark.parametrize("square", [1, 2, 8])
def test_mef_ssim_of_a_checkerboard_keeps_its_digits_where_the_sources_do_not_cancel_out(square):
    board = checkerboard(square)
    noise = np.random.default_rng(5).integers(0, 256, board.shape).astype(np.uint8)
    for other in (noise, checkerboard(4), np.full_like(board, 77)):
        triple = board, other, ((board.astype(int) + other + 1) // 2).astype(np.uint8)
        assert value(triple, "MEF-SSIM") == pytest.approx(mef_ssim(triple), abs=1e-11)
        # One level in one of 2115 pixels, which it weighs as little as any metric here.
        board_too = board.copy()
        board_too[20, 20] ^= 1
        assert abs(value((board_too, *triple[1:]), "MEF-SSIM") - value(triple, "MEF-SSIM")) < 1e-4


@pytest.mark.parametrize("square", [1, 2, 8])
def test_mef_ssim_of_a_checkerboard_and_its_negative_wants_no_structure_and_has_a_jump(square):
    """Their sum has no direction. Exact zeros are found as such; one level in one pixel decides."""
    from ivif_bench.tasks.quality.decoding import Loaded
    from ivif_bench.tasks.quality.engine import resolve
    from ivif_bench.tasks.quality.on_device import BatchedEvaluator

    board = checkerboard(square)
    evaluator = BatchedEvaluator(resolve(("MEF-SSIM",)), "cpu")
    for fused in (board, np.full_like(board, 128)):
        triple = board, 255 - board, fused
        found = value(triple, "MEF-SSIM")
        assert found == pytest.approx(mef_ssim(triple), abs=1e-11)
        [(values, _)] = evaluator.measure([Loaded(*triple, (), {})])
        assert values["MEF-SSIM"].value == pytest.approx(found, abs=1e-11)
    assert found == pytest.approx(1.0, abs=1e-12)  # of a flat image
    board_too = board.copy()
    board_too[20, 20] ^= 1
    assert value((board_too, *triple[1:]), "MEF-SSIM") < 0.98


def test_mef_ssim_wants_no_structure_of_an_image_and_its_negative():
    image = np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8)
    flat = np.full_like(image, 90)
    assert value((image, 255 - image, flat), "MEF-SSIM") == pytest.approx(1.0, abs=1e-12)
    assert value((image, 255 - image, image), "MEF-SSIM") == pytest.approx(
        mef_ssim((image, 255 - image, image)), abs=1e-11
    )


def test_viff_follows_its_definition_written_with_scipy(triple):
    images, total = [image.astype(float) for image in triple], 0.0
    for side, weight in ((17, 1), (9, 0), (5, 0.15), (3, 1)):
        window = lambda p: gauss(p, side, side / 5)  # noqa: B023, E731
        if side < 17:
            images = [window(p)[::2, ::2] for p in images]
        f = images[2]
        mf = window(f)
        vf = np.maximum(window(f * f) - mf**2, 0)
        gains, kept, present = [], [], []
        for x in images[:2]:
            mx = window(x)
            vx, c = np.maximum(window(x * x) - mx**2, 0), window(x * f) - mx * mf
            g = np.where((vx < 1e-10) | (vf < 1e-10), 0, c / (vx + 1e-10))
            rest = np.maximum(np.where(g < 0, vf, vf - g * c), 1e-10)
            g, noise = np.maximum(g, 0), 0.005 * 255**2
            vx = np.where(vx < 1e-10, 0, vx)
            gains.append(g)
            kept.append(np.log10(1 + g * g * vx / (rest + noise)))
            present.append(np.log10(1 + vx / noise))
        first = gains[0] < gains[1]
        kept, present = np.where(first, *kept), np.where(first, *present)
        total += weight * (kept + 1e-7).sum() / (present + 1e-7).sum()
    assert value(triple, "VIFF") == pytest.approx(total / 2.15, abs=1e-12)


def test_gradient_quality_follows_its_formula_written_with_scipy(triple):
    def gradient(image):
        padded = np.pad(image.astype(float), 1)
        kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
        sx = signal.correlate2d(padded, kernel, "valid")
        sy = signal.correlate2d(padded, kernel.T, "valid")
        g, angle = np.hypot(sx, sy), np.arctan(sy / np.where(sx == 0, 1e-5, sx))
        return np.where(g == 0, 1e-5, g), angle

    gf, tf = gradient(triple[2])
    kept = present = 0.0
    for source in triple[:2]:
        g, t = gradient(source)
        ratio = np.minimum(g, gf) / np.maximum(g, gf)
        alpha = np.abs(np.abs(t - tf) - np.pi / 2) * 2 / np.pi
        q = 1 / ((1 + np.exp(-10 * (ratio - 0.5))) * (1 + np.exp(-20 * (alpha - 0.75))))
        kept, present = kept + q * g, present + g
    expected = (kept / present).mean()
    assert gradient_quality(Shared(*triple), "symmetric") == pytest.approx(expected, abs=1e-12)


@st.composite
def triples(draw):
    """Noise, few levels, or an image and what is derived from it; large enough for all metrics."""
    shape = draw(st.tuples(st.integers(41, 50), st.integers(41, 75)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = generator.integers(0, 256, (3, *shape)).astype(np.uint8)
    few = generator.choice(np.array([0, 77, 78, 255], np.uint8), (3, *shape))
    blocks = np.kron(few[:, ::9, ::9], np.ones((1, 9, 9), np.uint8))[:, : shape[0], : shape[1]]
    flat = np.full(shape, draw(st.sampled_from([0, 128, 255])), np.uint8)
    family = [*noise, *few, *blocks, flat, 255 - noise[0], (noise[0] // 2 + noise[1] // 2)]
    return tuple(family[draw(st.integers(0, len(family) - 1))] for _ in range(3))


@settings(max_examples=60, deadline=None)
@given(triples())
def test_values_are_in_their_range_or_have_a_reason(triple):
    for name, found in measure(*triple, NAMES).items():
        low, high = METRICS.get(name).range
        if math.isnan(found.value):
            assert found.reason in REASONS, name
            assert name in ("VIFF", "MEF-SSIM", "Q_G")
        else:
            assert low - 1e-9 <= found.value <= high + 1e-9, name


@settings(max_examples=40, deadline=None)
@given(triples())
def test_exchanging_the_sources_changes_nothing(triple):
    """But for VIFF, which counts the second source where the gains are equal, for instance both 0,
    and for Q_G, where the public program fills in the fused image's zeros between the sources."""
    a, b, f = triple
    one, other = measure(a, b, f, NAMES), measure(b, a, f, NAMES)
    for name in NAMES:
        assert one[name].reason == other[name].reason
        if name not in ("VIFF", "Q_G"):
            assert one[name].value == pytest.approx(
                other[name].value, rel=1e-10, abs=1e-12, nan_ok=True
            ), name
    if not one["Q_G"].reason:
        assert one["Q_G"].value == pytest.approx(other["Q_G"].value, abs=1e-6)
        swapped = [gradient_quality(Shared(*x, f), "symmetric") for x in ((a, b), (b, a))]
        assert swapped[0] == pytest.approx(swapped[1], rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(triples())
def test_turning_the_images_on_their_side_changes_nothing(triple):
    """Not so for Q_G, whose angle has a preferred axis where there is no gradient."""
    names = [name for name in NAMES if name != "Q_G"]
    turned = tuple(image.T for image in triple)
    one, other = measure(*triple, names), measure(*turned, names)
    for name in names:
        assert one[name].value == pytest.approx(
            other[name].value, rel=1e-9, abs=1e-9, nan_ok=True
        ), name


def test_a_fused_image_equal_to_both_sources_reaches_the_top(triple):
    a = triple[0]
    found = {name: one.value for name, one in measure(a, a, a, NAMES).items()}
    for name in NAMES:
        top = 1 / (1 + math.exp(-5)) ** 2 if name == "Q_G" else 1.0
        assert found[name] == pytest.approx(top, abs=1e-11), name


def test_degraded_images_lose_quality(triple):
    a = triple[0]
    blurred = np.rint(ndimage.gaussian_filter(a.astype(float), 2)).astype(np.uint8)
    worse = np.rint(ndimage.gaussian_filter(a.astype(float), 4)).astype(np.uint8)
    first, second = measure(a, a, blurred, NAMES), measure(a, a, worse, NAMES)
    for name in NAMES:
        assert first[name].value > second[name].value, name


def test_windows_flat_in_both_sources_do_not_hang_on_rounding():
    """A saturated area: the value does not move when all levels are moved or the area is turned."""
    generator = np.random.default_rng(8)
    a, b, f = generator.integers(40, 200, (3, 90, 90)).astype(np.uint8)
    a[:, :60], b[:, :60] = 37, 203
    for name in ("Q_S", "Q_W", "Q_Y", "Q_C"):
        values = [value([x[::s, ::t] for x in (a, b, f)], name) for s in (1, -1) for t in (1, -1)]
        assert np.ptp(values) < 1e-12, name


@pytest.mark.parametrize(
    ("name", "side"),
    [("VIFF", 41), ("MEF-SSIM", 41), ("Q_S", 11), ("Q_W", 11), ("Q_E", 11), ("Q_Y", 7), ("Q_C", 7)],
)
def test_the_smallest_side_has_a_value_and_the_next_smaller_none(name, side):
    generator = np.random.default_rng(side)
    a, b = generator.integers(0, 256, (2, side, side + 3)).astype(np.uint8)
    fits = (a, b, a)
    assert math.isfinite(value(fits, name))
    small = measure(*(image[1:] for image in fits), [name])[name]
    assert small.reason == "too_small"


def test_sources_without_any_gradient_or_information_are_named():
    noise = np.random.default_rng(0).integers(0, 256, (50, 50)).astype(np.uint8)
    black = np.zeros_like(noise)
    assert measure(black, black, noise, ["Q_G"])["Q_G"].reason == "constant_source"
    for sources in ((black, noise), (noise, black), (black, black)):
        assert measure(*sources, noise, ["VIFF"])["VIFF"].reason == "constant_source"
    assert math.isfinite(value((noise, noise, black), "VIFF"))


@pytest.mark.parametrize("name", NAMES)
def test_bands_of_rows_do_not_show(name, monkeypatch):
    from ivif_bench.tasks.quality.kernels import window_means

    images = np.random.default_rng(1).integers(0, 256, (3, 150, 57)).astype(np.uint8)
    whole = value(images, name)
    for rows in (2, 22, 128, 1000):
        monkeypatch.setattr(window_means, "_ROWS", rows)
        assert value(images, name) == pytest.approx(whole, rel=1e-13)
