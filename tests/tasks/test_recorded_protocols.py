"""Shipped protocols have the hashes that they had at f38c4d2, before recipes were models, or when added."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ivif_bench.protocol import shipped_protocols
from ivif_bench.tasks.detection import protocol as detection
from ivif_bench.tasks.segmentation import protocol as segmentation

RECORDED = json.loads((Path(__file__).parent / "recorded" / "protocols-f38c4d2.json").read_text())


def _sha256(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _detection_hashes(protocol: detection.DetectionProtocol) -> dict[str, str]:
    return {
        "sha256": protocol.sha256,
        "unit_sha256": protocol.unit_sha256,
        "training_values": _sha256(protocol.training_part),
        "unit_values": _sha256(protocol.unit_part),
    }


def _segmentation_hashes(protocol: segmentation.SegmentationProtocol) -> dict[str, str]:
    return {
        "sha256": protocol.sha256,
        "unit_sha256": protocol.unit_sha256,
        "training_sha256": protocol.training_part,
    }


@pytest.mark.parametrize("name", list(RECORDED))
def test_a_published_protocol_keeps_its_hashes_also_as_the_payload_of_a_unit(name):
    if name in shipped_protocols(detection.SHIPPED_PROTOCOLS):
        task, hashes_of = detection, _detection_hashes
    else:
        task, hashes_of = segmentation, _segmentation_hashes
    found = task.load_protocol(name)
    sent = type(found).model_validate(found.model_dump(mode="json"))
    hashes = [hashes_of(found), hashes_of(sent)]
    expected = dict(RECORDED[name])
    if "training_values" in expected and not found.trained:
        expected["training_values"] = _sha256(found.network)  # what keys have without a training
    assert hashes == [expected, expected]
