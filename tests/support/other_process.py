"""Plays one process after another inside a test: each has its own versions, commit and device."""

from __future__ import annotations

import pytest

from ivif_bench import origins


def become(monkeypatch: pytest.MonkeyPatch, name: str, **versions: str) -> None:
    """From now on, what is signed is signed by the process of this name, with these versions."""
    monkeypatch.setattr(origins, "_PROCESS", name)
    monkeypatch.setattr(origins, "versions", lambda: dict(versions))
    monkeypatch.setattr(origins, "commit", lambda: f"commit of {name}")
    monkeypatch.setattr(origins, "_device", lambda: f"device of {name}")
