"""Keys of results and hashes of protocols stay what they were at a recorded commit.

A run directory of an earlier version is of use only as long as they do. What changed since stands in
the record under ``changed``, with the reason and the value now, and in CHANGELOG.md. A change that is
meant (a raised version) is added there; ``tests/support/recorded_keys.py`` prints the values now.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from recorded_keys import planned_keys, protocol_hashes

_RECORD: dict[str, Any] = json.loads(
    (Path(__file__).parent / "recorded" / "keys-4c0a0a1.json").read_text(encoding="utf-8")
)


def _expected(run: str) -> dict[str, Any]:
    """The recorded keys of a run, with those that changed since as they are now."""
    recorded, changed = _RECORD["runs"][run], _RECORD["changed"]
    sections = {
        name: {**section, **changed.get(f"{run}, {name}", {}).get("now", {})}
        for name, section in recorded["sections"].items()
    }
    images = {**recorded["images"], **changed.get(f"{run}, images", {}).get("now", {})}
    return {"images": images, "sections": sections}


def test_keys_of_the_demo_are_those_recorded(repository: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    found = planned_keys("demo", repository / "configs", nothing, tmp_path)
    assert found == _expected("demo")


@pytest.mark.slow
@pytest.mark.golden
def test_keys_of_the_real_sample_are_those_recorded(
    repository: Path, shared: Path, tmp_path: Path
) -> None:
    found = planned_keys("real-sample", repository / "configs", shared, tmp_path)
    assert found == _expected("real-sample")


def test_hashes_of_shipped_protocols_are_those_recorded() -> None:
    recorded = {**_RECORD["protocols"], **_RECORD["protocols_added"]}
    now = protocol_hashes()
    assert {name: now.get(name) for name in recorded} == recorded


def test_every_recorded_change_is_one_and_says_why() -> None:
    recorded = {
        f"{run}, {name}": values
        for run, content in _RECORD["runs"].items()
        for name, values in {**content["sections"], "images": content["images"]}.items()
    }
    for name, change in _RECORD["changed"].items():
        before = recorded[name]
        assert change["reason"], name
        for part, value in change["now"].items():
            assert value != before[part], f"{name}: {part} did not change"
