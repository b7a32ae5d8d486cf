"""Columns of scores against a plain dictionary of the same records."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivif_bench.reports.scores import Scores, StoredValue, Subject
from ivif_bench.statistics import bootstrap_interval, each_over_images, over_images

Records = dict[tuple[str, str, str], tuple[float, str]]

_NAMES = st.sampled_from(["", "a", "b", "c"])
_RECORDS = st.dictionaries(
    st.tuples(_NAMES, st.sampled_from(["", "Car"]), st.sampled_from(["EN", "SF", "MI"])),
    st.tuples(st.one_of(st.floats(-9, 9), st.just(math.nan)), st.sampled_from(["", "constant"])),
)


def _stored(records: Records) -> Scores:
    """Through a table of two parts, whose dictionaries differ."""
    items = [(*subject, *stored) for subject, stored in records.items()]
    kinds = [pa.string(), pa.string(), pa.string(), pa.float64(), pa.string()]
    names = ["stem", "class_name", "metric", "value", "reason"]
    parts = []
    for part in (items[:2], items[2:]):
        columns = [pa.array([item[at] for item in part], kind) for at, kind in enumerate(kinds)]
        coded = [c.dictionary_encode() if c.type == pa.string() else c for c in columns]
        parts.append(pa.table(dict(zip(names, coded, strict=True))))
    return Scores.from_table(pa.concat_tables(parts))


@given(_RECORDS)
def test_scores_are_those_of_the_records(records: Records) -> None:
    for scores in (
        _stored(records),
        Scores.of((Subject(*key), StoredValue(*value)) for key, value in records.items()),
    ):
        assert list(scores) == list(records)
        assert [str(value) for value in scores.values()] == [
            str(StoredValue(*value)) for value in records.values()
        ]
        assert list(scores.overall) == [(m, c) for s, c, m in records if not s]
        assert scores.to_table()["stem"].to_pylist() == [key[0] for key in records]


@given(_RECORDS, st.permutations(["EN", "SF", "absent"]))
def test_scores_of_images_are_those_of_the_records(records: Records, metrics: list[str]) -> None:
    images = _stored(records).images(metrics)
    assert set(images.stems) == {s for s, c, m in records if s and not c and m in metrics}
    for row, stem in enumerate(images.stems):
        for at, metric in enumerate(metrics):
            value, reason = records.get((stem, "", metric), (math.nan, ""))
            held = (stem, "", metric) in records
            assert images.held[row, at] == held
            assert np.array_equal(images.values[row, at], value, equal_nan=True)
            if held:
                assert images.names[images.reasons[row, at]] == reason
    assert list(images.rows(images.stems[::-1])) == list(range(len(images.stems)))[::-1]


def test_a_number_about_nothing_is_refused() -> None:
    texts = {name: pa.array(["a"]).dictionary_encode() for name in ("stem", "metric", "reason")}
    nothing = pa.array([None], pa.string()).dictionary_encode()
    with pytest.raises(ValueError, match="without class_name"):
        Scores.from_table(pa.table({**texts, "class_name": nothing, "value": [1.0]}))


def test_several_columns_at_once_have_the_means_and_intervals_of_each() -> None:
    random = np.random.default_rng(5)
    columns = list(random.normal(size=(4, 30)))
    columns[1][3] = columns[3][7] = math.nan
    why = [[], ["", "", "", "dark"], [], []]
    for column, reasons, found in zip(columns, why, each_over_images(columns, why), strict=True):
        assert found == over_images(column, reasons)
        defined = column[~np.isnan(column)]
        assert (found.low, found.high) == bootstrap_interval(defined)
        assert found.value == pytest.approx(defined.mean())
        assert found.n == len(defined)
