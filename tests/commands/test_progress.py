"""Progress without a terminal: a line now and then for what takes long, none for what does not."""

from __future__ import annotations

from ivif_bench.commands import progress


def test_a_line_each_time_that_the_seconds_are_over(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.counting("audit", 1.5) as told:
        for done in range(1, 11):
            now[0] += 0.5
            told(done, 10, "reading pairs")
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.splitlines() == [f"audit: reading pairs, {done} of 10" for done in (3, 6, 9)]


def test_quiet_unless_lines_are_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(progress.time, "monotonic", iter(range(100)).__next__)
    with progress.counting("train") as told:
        told(1, 2, "step")
    assert capsys.readouterr().err == ""


def test_validate_and_audit_ask_for_lines_within_two_seconds():
    from ivif_bench.commands import data, inspecting

    assert 0 < data._SECONDS < 2
    assert 0 < inspecting._SECONDS < 2
