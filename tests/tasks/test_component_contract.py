"""What every detector and segmenter declares, whoever wrote it; a new one is tested as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest
import yaml

from ivif_bench.errors import UserError
from ivif_bench.options import described
from ivif_bench.protocol import shipped_protocols
from ivif_bench.recipe import Recipe
from ivif_bench.tasks.detection import protocol as detection
from ivif_bench.tasks.detection.registry import DETECTORS, Detector
from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.tasks.network.protocol import TRAINED_MODES, NetworkProtocol
from ivif_bench.tasks.segmentation import protocol as segmentation
from ivif_bench.tasks.segmentation.registry import SEGMENTERS, Segmenter

MODES = NetworkProtocol.model_fields["mode"].annotation.__args__
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
    of_the_users = "config" in spec.inference.model_fields  # a file says how large the network is
    assert spec.parameters == 0 if of_the_users else spec.parameters > 0
    assert spec.version >= 1


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_the_packages_that_it_names_are_distributions(registry, name, base):
    for package in registry.get(name).packages:
        try:
            assert metadata.version(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_it_serves_known_modes_and_has_training_options_exactly_if_it_can_be_trained(
    registry, name, base
):
    spec = registry.get(name)
    assert spec.modes
    assert set(spec.modes) <= set(MODES)
    assert (spec.training is not None) == bool(set(spec.modes) & set(TRAINED_MODES))


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_networks_of_one_family_take_the_same_options(registry, name, base):
    spec = registry.get(name)
    for other in registry.specs().values():
        if other.family == spec.family:
            assert (other.inference, other.training) == (spec.inference, spec.training)


@pytest.mark.parametrize(("registry", "name", "base"), COMPONENTS, ids=IDS)
def test_every_option_says_what_it_is(registry, name, base):
    spec = registry.get(name)
    for model in filter(None, (spec.inference, spec.training)):
        assert model.untrained <= set(model.model_fields)
        for row in described(model):
            assert row.description.strip(), row.name
            assert row.allowed != "any value", row.name


@pytest.mark.parametrize(("task", "name"), TRAINED, ids=[name for _, name in TRAINED])
def test_a_wrong_key_in_a_recipe_is_one_line_with_file_and_key(task, name, tmp_path):
    content = yaml.safe_load((task.SHIPPED_PROTOCOLS / f"{name}.yaml").read_text())
    parts, where = content, ""
    if content.get("format") == 2:
        family = next(iter(content["recipe"]))
        parts, where = content["recipe"][family], f"recipe.{family}."
    if "training" in parts:
        parts, where = parts["training"], f"{where}training."
    parts["surprise"] = 1
    key = f"{where}surprise"
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as caught:
        task.load_protocol(str(path))
    assert f"{path}: {key}: unknown key; " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["inference", "training"])
def test_options_that_are_no_model_are_refused_with_the_name_of_the_spec(part):
    values = {"name": "mine", "entry": "a:B", "title": "Mine", "parameters": 1, "licence": "none"}
    assert getattr(NetworkSpec(**values), part) is Recipe
    with pytest.raises(TypeError, match=f"'mine': {part} must be"):
        NetworkSpec(**values, **{part: {"epochs": "how many"}})


@pytest.mark.slow
def test_loading_adapters_and_recipes_imports_no_network_library():
    code = (
        "import json, sys\n"
        "from ivif_bench.tasks.detection.registry import DETECTORS\n"
        "from ivif_bench.tasks.segmentation.registry import SEGMENTERS\n"
        "from ivif_bench.options import described\n"
        "for registry in (DETECTORS, SEGMENTERS):\n"
        "    for name, spec in registry.specs().items():\n"
        "        described(spec.inference), spec.training and described(spec.training)\n"
        "        registry.load(name)\n"
        "heavy = {'torch', 'torchvision', 'ultralytics', 'mmseg', 'mmengine', 'mmcv'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == []
