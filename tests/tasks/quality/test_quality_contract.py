"""What every metric and every convention must hold to; a new one is tested as it is."""

from __future__ import annotations

import inspect
import math
import typing

import numpy as np
import pytest
from scipy import ndimage

from ivif_bench.tasks.quality.engine import metrics_of, resolve
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS
from ivif_bench.tasks.quality.shared import Shared


@pytest.fixture(scope="module")
def coloured():
    """Infrared [H, W], visible and fused [H, W, 3]: shapes and noise, large enough for all windows."""
    generator = np.random.default_rng(5)
    coarse = generator.uniform(20, 230, (12, 13, 4))
    planes = ndimage.zoom(coarse, (14, 14, 1), order=1) + generator.normal(0, 8, (168, 182, 4))
    infrared, visible = planes[..., 0], planes[..., 1:]
    fused = 0.4 * infrared[..., None] + 0.6 * visible
    return tuple(np.clip(np.rint(x), 0, 255).astype(np.uint8) for x in (infrared, visible, fused))


@pytest.fixture(scope="module")
def gray(coloured):
    return coloured[0], *(image[..., 1].copy() for image in coloured[1:])


@pytest.mark.parametrize("images", ["gray", "coloured"])
@pytest.mark.parametrize("convention", sorted(CONVENTIONS.specs()))
def test_a_convention_measures_all_that_it_has(convention, images, request):
    evaluator = resolve(metrics_of(convention), convention)
    found = evaluator.measure(*request.getfixturevalue(images))
    assert list(found) == list(metrics_of(convention))
    for one in evaluator.measurements:
        low, high = one.range
        assert found[one.name].reason == ""
        assert low <= found[one.name].value <= high, one.name


def settings_of(function):
    """Keyword arguments of a metric: their defaults, and the values that their annotations allow."""
    hints = typing.get_type_hints(function)
    defaults = {
        name: parameter.default
        for name, parameter in list(inspect.signature(function).parameters.items())[1:]
    }
    return defaults, {name: _values(hints[name]) for name in defaults}


def _values(hint):
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    if typing.get_args(hint):
        return [value for one in typing.get_args(hint) for value in _values(one)]
    return {bool: [False, True], float: [0.5]}[hint]


@pytest.mark.parametrize("name", sorted(METRICS.specs()))
def test_every_setting_of_a_metric_is_accepted_and_its_default_is_the_reference(name, gray):
    function = METRICS.load(name)
    defaults, allowed = settings_of(function)
    reference = resolve([name]).measure(*gray)[name].value
    assert function(Shared(*gray), **defaults) == reference
    for setting, values in allowed.items():
        for value in values:
            assert math.isfinite(function(Shared(*gray), **{setting: value})), (setting, value)
