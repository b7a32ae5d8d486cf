"""What every detector and segmenter declares, whoever wrote it; a new one is tested as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest

from ivif_bench.errors import UserError
from ivif_bench.options import described
from ivif_bench.protocol import shipped_protocols
from ivif_bench.recipe import Recipe
from ivif_bench.tasks.detection import protocol as detection
from ivif_bench.tasks.detection.protocol import TRAINED_MODES, DetectionProtocol
from ivif_bench.tasks.detection.registry import DETECTORS, Detector, DetectorSpec
from ivif_bench.tasks.segmentation import protocol as segmentation
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS, Segmenter, SegmenterSpec

MODES = DetectionProtocol.model_fields["mode"].annotation.__args__
COMPONENTS = [
    *((DETECTORS, name, Detector) for name in DETECTORS.specs()),
    *((SEGMENTERS, name, Segmenter) for name in SEGMENTERS.specs()),
]
TRAINED = [
    (task, name)
    for task in (detection, segmentation)
    for name in shipped_protocols(task.SHIPPED_PROTOCOLS)
    if task.load_protocol(name).training is not None
]
IDS = [name for _, name, _ in COMPONENTS]


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_its_entry_is_a_complete_adapter(registry, name, base):
    loaded = registry.load(name)
    assert issubclass(loaded, base)
    assert not loaded.__abstractmethods__


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_it_says_what_tables_and_footers_print(registry, name, base):
    spec = registry.get(name)
    assert spec.title.strip()
    assert spec.licence.strip()
    assert spec.parameters > 0
    assert spec.version >= 1


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_the_packages_that_it_names_are_distributions(registry, name, base):
    for package in registry.get(name).packages:
        try:
            assert metadata.version(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize("name", list(DETECTORS.specs()))
def test_a_detector_serves_known_modes(name):
    modes = DETECTORS.get(name).modes
    assert modes
    assert set(modes) <= set(MODES)


@pytest.mark.parametrize("name", list(DETECTORS.specs()))
def test_a_detector_has_a_recipe_exactly_if_it_can_be_trained(name):
    spec = DETECTORS.get(name)
    assert (spec.recipe is not None) == bool(set(spec.modes) & set(TRAINED_MODES))


@pytest.mark.parametrize("name", list(SEGMENTERS.specs()))
def test_no_key_of_a_segmenters_recipe_is_one_of_the_protocol_it_stands_in(name):
    own = set(SegmentationProtocol.model_fields)
    assert not own & set(SEGMENTERS.get(name).recipe.model_fields)


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_every_key_of_its_recipe_says_what_it_is(registry, name, base):
    recipe = registry.get(name).recipe
    for row in described(recipe) if recipe else []:
        assert row.description.strip(), row.name
        assert row.allowed != "any value", row.name


@pytest.mark.parametrize(("task", "name"), TRAINED, ids=[name for _, name in TRAINED])
def test_a_wrong_key_in_a_recipe_is_one_line_with_file_and_key(task, name, tmp_path):
    text = (task.SHIPPED_PROTOCOLS / f"{name}.yaml").read_text()
    inside = text.replace("training:\n", "training:\n  surprise: 1\n")
    path = tmp_path / "mine.yaml"
    path.write_text(inside if inside != text else f"{text}surprise: 1\n")
    key = "training.surprise" if inside != text else "surprise"
    with pytest.raises(UserError) as caught:
        task.load_protocol(str(path))
    assert f"{path}: {key}: unknown key; " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [DetectorSpec, SegmenterSpec])
def test_a_recipe_that_is_no_model_is_refused_with_the_name_of_the_spec(make):
    more = {"family": "mine", "modes": ("retrain",)} if make is DetectorSpec else {}
    values = {"name": "mine", "entry": "a:B", "title": "Mine", "parameters": 1, "licence": "none"}
    assert make(**values, **more, recipe=Recipe).recipe is Recipe
    with pytest.raises(TypeError, match="'mine': recipe must be"):
        make(**values, **more, recipe={"epochs": "how many"})


def test_loading_adapters_and_recipes_imports_no_network_library():
    code = (
        "import json, sys\n"
        "from ivif_bench.tasks.detection.registry import DETECTORS\n"
        "from ivif_bench.tasks.segmentation.registry import SEGMENTERS\n"
        "from ivif_bench.options import described\n"
        "for registry in (DETECTORS, SEGMENTERS):\n"
        "    for name, spec in registry.specs().items():\n"
        "        spec.recipe and described(spec.recipe)\n"
        "        registry.load(name)\n"
        "heavy = {'torch', 'torchvision', 'ultralytics', 'mmseg', 'mmengine', 'mmcv'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == []
