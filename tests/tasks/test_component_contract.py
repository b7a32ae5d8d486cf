"""What every detector and segmenter declares, whoever wrote it; a new one is tested as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest

from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.detection.registry import DETECTORS, Detector
from ivif_bench.tasks.segmentation.registry import SEGMENTERS, Segmenter

MODES = DetectionProtocol.model_fields["mode"].annotation.__args__
COMPONENTS = [
    *((DETECTORS, name, Detector) for name in DETECTORS.specs()),
    *((SEGMENTERS, name, Segmenter) for name in SEGMENTERS.specs()),
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


def test_loading_adapters_imports_no_network_library():
    code = (
        "import json, sys\n"
        "from ivif_bench.tasks.detection.registry import DETECTORS\n"
        "from ivif_bench.tasks.segmentation.registry import SEGMENTERS\n"
        "for registry in (DETECTORS, SEGMENTERS):\n"
        "    for name in registry.specs():\n"
        "        registry.load(name)\n"
        "heavy = {'torch', 'torchvision', 'ultralytics', 'mmseg', 'mmengine', 'mmcv'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == []
