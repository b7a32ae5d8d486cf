"""The doctor names what is missing and the command that puts it right."""

from __future__ import annotations

import importlib

import pytest

from ivif_bench import doctor
from ivif_bench.fusion import METHODS
from ivif_bench.importing import Broken
from ivif_bench.training import TRAININGS


@pytest.mark.skipif(
    "sys.platform != 'linux'", reason="system libraries are looked up on Linux only"
)
def test_missing_system_libraries_are_named_with_their_package(monkeypatch):
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    monkeypatch.setattr(doctor, "_MODULES", {})
    broken = {
        item["what"]: item["detail"] for item in doctor.examine() if item["state"] == "broken"
    }
    assert "apt-get install libgl1" in broken["libGL"]
    assert "libglib2.0-0" in broken["libglib-2.0"]


def test_a_package_that_cannot_be_imported_is_a_finding_and_not_a_crash(monkeypatch):
    real = importlib.import_module

    def refuse(name, *rest):
        if name == "ultralytics":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", refuse)
    monkeypatch.setattr(doctor, "_MODULES", {"ultralytics": "detection"})
    (found,) = [item for item in doctor.examine() if item["what"] == "ultralytics"]
    assert found["state"] == "broken"
    assert "libGL.so.1" in found["detail"]
    assert "make setup" in found["detail"]


def test_two_builds_of_one_library_are_called_broken(monkeypatch):
    class Fake:
        def __init__(self, name):
            self.metadata = {"Name": name}

    installed = [Fake("mmengine"), Fake("onedl-mmengine")]
    monkeypatch.setattr("importlib.metadata.distributions", lambda: installed)
    assert doctor._both_mm_packages()["state"] == "broken"


def test_a_component_file_that_cannot_be_imported_is_one_finding(monkeypatch):
    fault = Broken("half", "plug.half", "/plug/half.py:3", "SyntaxError: invalid syntax")
    for registry in (METHODS, TRAININGS):  # both read the same files
        registry.specs()
        monkeypatch.setattr(registry, "_broken", [fault])
    monkeypatch.setattr(doctor, "_MODULES", {})
    found = [item for item in doctor.examine() if item["what"] == "half"]
    assert found == [
        {
            "state": "broken",
            "what": "half",
            "detail": "/plug/half.py:3: SyntaxError: invalid syntax",
        }
    ]
