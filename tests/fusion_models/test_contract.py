"""What every fusion method must hold to, whoever wrote it; a new one is tested by this file as it is."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from option_values import other_values

from ivif_bench.data.images import read_stored
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.options import described
from ivif_bench.weights import locate

COMPUTED = [name for name, spec in METHODS.specs().items() if not spec.needs_files]
SIZES = [(32, 48), (33, 47), (17, 5), (1, 1)]
OTHER_VALUES = [
    (name, option, value)
    for name in COMPUTED
    for option in METHODS.get(name).options.model_fields
    for value in other_values(METHODS.get(name).options, option)
]
# Only what this machine, or a test of seconds, cannot do.
NOT_USED = {"compile": "needs a C++ compiler", "fused": "needs a CUDA device"}


def _method(name: str, **options):
    """The method as it is by default, but with a short chain where it has one."""
    short = {"steps": 3} if "steps" in METHODS.get(name).options.model_fields else {}
    return METHODS.load(name)(**{**short, **options})


def _batch(count: int, size: tuple[int, int], seed: int = 0):
    import torch

    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(count, 1, *size, generator=generator),
        torch.rand(count, 3, *size, generator=generator),
    )


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("size", SIZES)
def test_output_has_the_size_of_the_input_and_stays_in_range(name, size):
    infrared, visible = _batch(2, size)
    fused = _method(name).fuse(infrared, visible, [1, 2])
    channels = {"gray": 1, "rgb": 3}[METHODS.get(name).output]
    assert tuple(fused.shape) == (2, channels, *size)
    assert 0 <= float(fused.min()) <= float(fused.max()) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPUTED)
def test_an_image_does_not_depend_on_its_batch_or_on_being_run_again(name):
    infrared, visible = _batch(3, (40, 56))
    method = _method(name)
    together = method.fuse(infrared, visible, [5, 6, 7])
    alone = _method(name).fuse(infrared[1:2], visible[1:2], [6])
    assert np.allclose(together[1:2].numpy(), alone.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", COMPUTED)
def test_inputs_are_left_as_they_were(name):
    infrared, visible = _batch(1, (24, 24))
    before = infrared.clone(), visible.clone()
    _method(name).fuse(infrared, visible, [0]).zero_()
    assert bool((infrared == before[0]).all())
    assert bool((visible == before[1]).all())


@pytest.mark.parametrize("name", COMPUTED)
def test_the_defaults_that_list_prints_are_those_of_the_constructor(name):
    printed = {row.name: row.default for row in described(METHODS.get(name).options)}
    if not printed:
        return
    made = METHODS.load(name)()
    assert json.loads(made.options.model_dump_json()) == printed
    assert METHODS.load(name)(**printed).options == made.options


@pytest.mark.parametrize(
    "name", [name for name in COMPUTED if described(METHODS.get(name).options)]
)
def test_the_constructor_refuses_what_the_model_refuses(name):
    with pytest.raises(UserError, match=rf"{name}\.wrong: unknown key"):
        METHODS.load(name)(wrong=1)


@pytest.mark.parametrize(("name", "option", "value"), OTHER_VALUES)
def test_every_declared_option_is_accepted_and_fuses(name, option, value):
    if option in NOT_USED:
        assert METHODS.get(name).options.model_validate({option: value})
        pytest.skip(f"{option}: {NOT_USED[option]}")
    method = _method(name, **{option: value})
    assert json.loads(method.options.model_dump_json())[option] == value
    fused = method.fuse(*_batch(1, (17, 23)), [3])
    assert tuple(fused.shape[2:]) == (17, 23)
    assert 0 <= float(fused.min()) < float(fused.max()) <= 1


@pytest.mark.parametrize("name", [name for name in COMPUTED if METHODS.get(name).weights])
def test_the_file_of_weights_may_be_named(name):
    spec = METHODS.get(name)
    named = {file.option: str(locate(spec, file)) for file in spec.weights}
    assert json.loads(_method(name, **named).options.model_dump_json()).items() >= named.items()


@pytest.mark.parametrize(
    "name", [name for name in COMPUTED if "device" in METHODS.get(name).options.model_fields]
)
def test_the_processor_may_be_named_and_another_word_is_refused(name):
    assert _method(name, device="cpu").options.device == "cpu"
    with pytest.raises(UserError, match=rf"{name}\.device: unknown device 'abacus'"):
        _method(name, device="abacus")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Three pairs of odd sizes as cameras store them: one or three channels on either side."""
    folder, generator = tmp_path_factory.mktemp("stored"), np.random.default_rng(0)
    pairs = []
    for size, channels in (((33, 47), (1, 3)), ((41, 35), (3, 3)), ((19, 27), (1, 1))):
        paths = [folder / f"{len(pairs)}-{side}.png" for side in ("ir", "vi")]
        for path, depth in zip(paths, channels, strict=True):
            cv2.imwrite(str(path), generator.integers(0, 256, (*size, depth)).astype(np.uint8))
        pairs.append((size, *map(read_stored, paths)))
    return pairs


@pytest.mark.parametrize("name", COMPUTED)
def test_stored_pairs_of_odd_sizes_are_fused_and_no_two_alike(name, stored):
    method = _method(name)
    found = [method.fuse_stored(infrared, visible, 7) for _, infrared, visible in stored]
    for (size, *_), fused in zip(stored, found, strict=True):
        assert tuple(fused.shape[2:]) == size
        assert fused.shape[0] == 1
        assert 0 <= float(fused.min()) < float(fused.max()) <= 1
    corners = {tuple(fused[0, 0, :9, :9].flatten().tolist()) for fused in found}
    assert len(corners) == 3


@pytest.mark.slow
def test_listing_methods_imports_no_network_library():
    code = (
        "import sys; from ivif_bench.fusion import METHODS; METHODS.specs(); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'ultralytics', 'mmseg', 'diffusers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
