"""Marks and printing of the table model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivif_bench.reports.table import (
    MISSING,
    UNDEFINED,
    Column,
    Notes,
    Row,
    Table,
    cell,
    differs,
    missing_cell,
    printed,
    with_marks,
)
from ivif_bench.statistics import Estimate


def _marks(values: list[float | None], column: Column) -> list[str]:
    rows = [
        Row(str(i), str(i), (missing_cell() if v is None else cell(Estimate(v), column),))
        for i, v in enumerate(values)
    ]
    return [row.cells[0].mark for row in with_marks(rows, [column])]


UP = Column("m", "m", "up", decimals=2)
DOWN = Column("m", "m", "down", decimals=2)


def test_best_and_second_follow_the_direction() -> None:
    assert _marks([1.0, 3.0, 2.0], UP) == ["", "best", "second"]
    assert _marks([1.0, 3.0, 2.0], DOWN) == ["best", "", "second"]


def test_values_that_print_alike_share_a_mark() -> None:
    assert _marks([1.001, 1.004, 0.5, 0.4999], UP) == ["best", "best", "second", "second"]
    assert _marks([0.001, -0.001, 1.0], DOWN) == ["best", "best", "second"]


def test_ranks_come_from_unrounded_values() -> None:
    assert _marks([0.994, 0.996], UP) == ["second", "best"]
    assert _marks([-0.006, -0.004], DOWN) == ["best", "second"]


def test_holes_are_never_marked_and_a_lone_value_has_no_rival() -> None:
    assert _marks([None, 2.0, 1.0], UP) == ["", "best", "second"]
    assert _marks([None, 2.0], UP) == ["", ""]


def test_cells_on_other_images_are_shown_but_not_ranked() -> None:
    rows = [
        Row("a", "a", (cell(Estimate(9.0), UP, "a", comparable=False),)),
        Row("b", "b", (cell(Estimate(2.0), UP),)),
        Row("c", "c", (cell(Estimate(1.0), UP),)),
    ]
    assert [row.cells[0].mark for row in with_marks(rows, [UP])] == ["", "best", "second"]


def test_a_second_best_that_most_share_is_not_marked() -> None:
    assert _marks([0.0, 5.0, 0.0, 0.0, 0.0, 0.0], UP) == ["", "best", "", "", "", ""]
    assert _marks([3.0, 2.0, 2.0, 2.0, 1.0], UP) == ["best", "", "", "", ""]
    assert _marks([3.0, 2.0, 2.0, 1.0], UP) == ["best", "second", "second", ""]


@given(st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=12))
def test_marked_values_beat_all_unmarked_ones(values: list[float]) -> None:
    marks = _marks([*values], UP)
    best = {v for v, m in zip(values, marks, strict=True) if m == "best"}
    second = {v for v, m in zip(values, marks, strict=True) if m == "second"}
    if len(set(values)) == 1:  # all equal: nobody is best
        assert best == second == set()
        return
    assert best == {max(values)}
    behind = max(set(values) - best)
    crowded = values.count(behind) > len(values) / 2
    assert second == (set() if crowded else {behind})


def test_a_column_on_too_little_gets_no_mark_though_its_numbers_differ() -> None:
    few = Column("few", "few", "up", decimals=2)
    rows = [
        Row(str(i), str(i), tuple(cell(Estimate(float(i)), column) for column in (UP, few)))
        for i in range(3)
    ]
    marked = with_marks(rows, [UP, few], unranked={"few"})
    assert [[c.mark for c in row.cells] for row in marked] == [
        ["", ""], ["second", ""], ["best", ""]
    ]  # fmt: skip
    assert differs(Table("t", "t", "", (UP, few), marked), 1)


def test_percent_and_spread_are_scaled_and_rounded() -> None:
    percent = Column("m", "m", decimals=1, scale=100)
    assert cell(Estimate(0.8294, sd=0.0042, seeds=3), percent).text == "82.9 ± 0.4"
    assert cell(Estimate(None), percent).text == UNDEFINED
    assert missing_cell().text == MISSING


@pytest.mark.parametrize("value", [-0.0, -0.0004, 0.0004])
def test_a_rounded_zero_has_no_sign(value: float) -> None:
    assert printed(value, UP) == "0.00"


def test_footnote_letters_are_shared_by_equal_texts_and_go_on_after_z() -> None:
    notes = Notes()
    letters = [notes.letter(str(i)) for i in range(28)]
    assert letters[0] == "a"
    assert letters[25:] == ["z", "aa", "ab"]
    assert notes.letter("0") == "a"
    assert len(notes.all()) == 28


def test_a_row_that_is_not_ranked_leaves_its_place_to_the_next() -> None:
    rows = [
        Row("source", "source", (cell(Estimate(9.0), UP),), ranked=False),
        Row("b", "b", (cell(Estimate(2.0), UP),)),
        Row("c", "c", (cell(Estimate(1.0), UP),)),
    ]
    assert [row.cells[0].mark for row in with_marks(rows, [UP])] == ["", "best", "second"]
