"""The fake detector of ``tests/support``, registered for a test."""

from __future__ import annotations

from pathlib import Path

import fake_detector
import pytest

from ivif_bench.tasks.detection.registry import DETECTORS


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fake_detector.Bench:
    """Two methods, one with bright images and one with dark ones, judged by the fake detector."""
    monkeypatch.setitem(DETECTORS.specs(), "fake", fake_detector.SPEC)
    fake_detector.fits.clear()
    made = fake_detector.Bench(tmp_path)
    made.method("good", 200)
    made.method("bad", 50)
    return made
