"""Options as models: what is refused, and how they are described to people."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, Strict

from ivif_bench.data.base import LAYOUTS
from ivif_bench.device import Device
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, MethodSpec
from ivif_bench.options import Names, NoOptions, Options, described
from ivif_bench.training import TRAININGS
from ivif_bench.validation import checked


class Inner(Options):
    flip: float = Field(0.5, ge=0, le=1, description="share")


class Sample(Options):
    count: int = Field(description="how many", ge=1, le=1000)
    rate: float | None = Field(None, gt=0, description="by default the recipe's")
    size: int = Field(64, ge=32, multiple_of=32, description="side (pixels)")
    seed: int = Field(0, ge=0, lt=2**63, description="of noise")
    kind: Literal["plain", "wide"] = Field("plain", description="which")
    on: bool = Field(True, description="whether")
    names: Names = Field((), description="which names")
    steps: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False)] = Field(
        (5, 50), description="which steps"
    )
    two: Annotated[tuple[int, int], Strict(False)] | None = Field(None, description="two numbers")
    root: str | dict[str, str] = Field("x", description="where")
    device: Device = Field("auto", description="where it runs")
    inner: Inner = Field(Inner(), description="a group")


def test_options_are_described_in_words():
    assert [(row.name, row.allowed, row.default_text) for row in described(Sample)] == [
        ("count", "integer, 1 to 1000", "required"),
        ("rate", "number, above 0", "-"),
        ("size", "integer, at least 32, a multiple of 32", "64"),
        ("seed", "integer, at least 0, below 2^63", "0"),
        ("kind", "plain or wide", "plain"),
        ("on", "true or false", "true"),
        ("names", "list: text", "[]"),
        ("steps", "list: integer, at least 1", "[5, 50]"),
        ("two", "list of 2: integer", "-"),
        ("root", "text or mapping to text", "x"),
        ("device", "auto, cpu, cuda or cuda:N", "auto"),
        ("inner.flip", "number, 0 to 1", "0.5"),
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "where.count: this key is required: how many"),
        ({"count": "8"}, "where.count: Input should be a valid integer, not the text '8'"),
        ({"count": "four"}, "where.count: Input should be a valid integer, not 'four'"),
        ({"count": 8.0}, "where.count: Input should be a valid integer, not 8.0"),
        ({"count": True}, "where.count: Input should be a valid integer, not True"),
        ({"count": None}, "where.count: Input should be a valid integer, not None"),
        ({"count": float("nan")}, "where.count: Input should be a valid integer, not nan"),
        ({"count": -1}, "where.count: Input should be greater than or equal to 1, not -1"),
        ({"count": 9999}, "where.count: Input should be less than or equal to 1000, not 9999"),
        (
            {"count": 1, "rate": float("inf")},
            "where.rate: Input should be a finite number, not inf",
        ),
        ({"count": 1, "rate": "1e-4"}, "where.rate: .*, not the text '1e-4'; .* as 1.0e-4"),
        ({"count": 1, "names": "Car"}, "where.names: Input should be a valid list, not 'Car'"),
        ({"count": 1, "names": ["Car", 3]}, "where.names.1: Input should be a valid string, not 3"),
        ({"count": 1, "device": "abacus"}, "where.device: unknown device 'abacus'; use auto, cpu"),
        ({"count": 1, "sise": 64}, r"where.sise: unknown key; did you mean size or seed"),
        ({"count": 1, "inner": {"flop": 1}}, r"where.inner.flop: unknown key; did you mean flip\?"),
    ],
)
def test_a_wrong_value_is_one_line_with_key_and_value(values, message):
    with pytest.raises(UserError, match=message) as caught:
        checked(Sample, values, "where")
    assert "\n" not in str(caught.value)


def test_a_component_without_options_says_so():
    with pytest.raises(UserError, match=r"options\.levels: unknown key; it takes none"):
        checked(NoOptions, {"levels": 3}, "options")


@pytest.mark.parametrize("options", [{"levels": "how many"}, BaseModel, Sample(count=1)])
def test_a_spec_whose_options_are_no_model_is_refused_by_name(options):
    with pytest.raises(TypeError, match="'mine': options must be a sub-class"):
        MethodSpec("mine", "x:Y", "Mine", "none", "none", options=options)


MODELS = [
    pytest.param(spec.options, id=f"{registry.kind} {spec.name}".replace(" ", "-"))
    for registry in (METHODS, LAYOUTS, TRAININGS)
    for spec in registry.specs().values()
]


@pytest.mark.parametrize("model", MODELS)
def test_every_option_says_what_it_is_and_accepts_its_default(model):
    for row in described(model):
        assert row.description, row.name
        assert row.allowed not in ("", "any value"), row.name
    if not any(row.required for row in described(model)):
        assert model.model_validate(json.loads(model().model_dump_json())) == model()


PRESETS = [
    pytest.param(spec, name, id=f"{spec.name}-{name}")
    for spec in TRAININGS.specs().values()
    for name, preset in spec.presets.items()
    if not preset.refused
]


@pytest.mark.parametrize(("training", "preset"), PRESETS)
def test_every_preset_sets_only_what_the_training_takes(training, preset):
    required = {row.name: "some.file" for row in described(training.options) if row.required}
    settings = training.settings(preset, required, steps=7)
    assert settings.steps == 7
    for name, value in training.presets[preset].settings.items():
        if name != "steps":
            assert getattr(settings, name) == value


@pytest.mark.slow
def test_every_model_of_options_is_read_without_a_network_library():
    code = (
        "import sys\n"
        "from ivif_bench.data.base import LAYOUTS\n"
        "from ivif_bench.fusion import METHODS\n"
        "from ivif_bench.options import described\n"
        "from ivif_bench.training import TRAININGS\n"
        "for registry in (LAYOUTS, METHODS, TRAININGS):\n"
        "    for spec in registry.specs().values():\n"
        "        described(spec.options)\n"
        "sys.exit(sum(name in sys.modules for name in ('torch', 'ultralytics', 'mmseg', 'diffusers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
