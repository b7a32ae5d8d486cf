"""Whoever had a part in a result is named, though another process finished it."""

from __future__ import annotations

import json

import pytest
from other_process import become

from ivif_bench.origins import FILE, UNKNOWN, Origins, sign
from ivif_bench.store import Store, once
from ivif_bench.types import About, Record, Unit

UNIT = Unit("quality", "data", "method", "p.v1", 0, "0123456789abcdef", about=About(images=1))


def _names(origins: Origins) -> list[str]:
    return [origin.commit.removeprefix("commit of ") for origin in origins.earlier]


def test_a_result_names_the_process_that_began_it_and_the_one_that_wrote_it(tmp_path, monkeypatch):
    become(monkeypatch, "first", python="3.11", numba="0.60")
    Origins().sign(tmp_path)
    become(monkeypatch, "second", python="3.12")
    origins = Origins()
    origins.take_over(tmp_path)
    record = Record("data", "method", "quality", "p.v1", 0, "EN", 1.0, stem="a")
    path = Store(tmp_path / "run").write_result(UNIT, [record], 2.0, origins)
    stored = json.loads(path.with_suffix(".json").read_text())
    assert stored["versions"] == {"python": "3.12"}
    assert stored["commit"] == "commit of second"
    (earlier,) = stored["earlier"]
    assert earlier["versions"] == {"python": "3.11", "numba": "0.60"}
    assert earlier["commit"] == "commit of first"
    assert earlier["device"].startswith("device of first on ")


def test_a_folder_made_by_one_process_is_known_as_its_work_to_the_next(tmp_path, monkeypatch):
    become(monkeypatch, "trainer")
    mine = Origins()
    once(tmp_path / "net", lambda folder: None, mine)
    assert _names(mine) == []  # a process is not its own predecessor
    become(monkeypatch, "judge")
    origins = Origins()
    once(tmp_path / "net", lambda folder: pytest.fail("made twice"), origins)
    assert _names(origins) == ["trainer"]


def test_what_a_folder_was_built_on_is_known_to_whoever_uses_only_that_folder(
    tmp_path, monkeypatch
):
    become(monkeypatch, "trainer")
    once(tmp_path / "net", lambda folder: None)
    become(monkeypatch, "predictor")
    origins = Origins()
    once(tmp_path / "labels", lambda _: once(tmp_path / "net", lambda _: None, origins), origins)
    become(monkeypatch, "counter")
    counting = Origins()
    once(tmp_path / "labels", lambda _: None, counting)
    assert sorted(_names(counting)) == ["predictor", "trainer"]


def test_a_process_that_left_nothing_to_go_on_from_is_not_named(tmp_path, monkeypatch):
    def killed(folder):
        raise KeyboardInterrupt

    def killed_after_a_restart_point(folder):
        sign(folder)
        (folder / "restart").touch()
        raise KeyboardInterrupt

    for name, make in (("lost", killed), ("kept", killed_after_a_restart_point)):
        become(monkeypatch, name)
        with pytest.raises(KeyboardInterrupt):
            once(tmp_path / "net", make)
    become(monkeypatch, "last")
    origins = Origins()
    once(tmp_path / "net", lambda folder: None, origins)
    assert _names(origins) == ["kept"]


def test_work_that_nobody_signed_counts_as_made_by_an_unknown_process(tmp_path):
    (tmp_path / "net").mkdir()
    for content in (None, "[]", "{broken", '{"x": {"colour": 3}}'):
        if content is not None:
            (tmp_path / "net" / FILE).write_text(content)
        origins = Origins()
        once(tmp_path / "net", lambda folder: None, origins)
        assert origins.earlier == (UNKNOWN,)
