"""What every fusion method must hold to, whoever wrote it; a new one is tested by this file as it is."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.options import described

COMPUTED = [name for name, spec in METHODS.specs().items() if not spec.needs_files]
SIZES = [(32, 48), (33, 47), (17, 5), (1, 1)]


def _method(name: str):
    """The method as it is by default, but with a short chain where it has one."""
    options = {"steps": 3} if "steps" in METHODS.get(name).options.model_fields else {}
    return METHODS.load(name)(**options)


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


def test_listing_methods_imports_no_network_library():
    code = (
        "import sys; from ivif_bench.fusion import METHODS; METHODS.specs(); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'ultralytics', 'mmseg', 'diffusers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
