"""The segmenter of ``tests/support``, registered for a test."""

from __future__ import annotations

import nearest_grey
import pytest

from ivif_bench.tasks.segmentation.registry import SEGMENTERS


@pytest.fixture
def world(tmp_path, monkeypatch):
    nearest_grey.NearestGrey.trained, nearest_grey.NearestGrey.die = [], False
    monkeypatch.setitem(SEGMENTERS.specs(), nearest_grey.SPEC.name, nearest_grey.SPEC)
    return nearest_grey.World(tmp_path)
