"""The numbers of one result as columns: a few arrays in place of an object for each number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa

NAMES = ("stem", "class_name", "metric")


class Subject(NamedTuple):
    """What a score is about: an image or all of them (empty), a class or all of them (empty)."""

    stem: str
    class_name: str
    metric: str


class StoredValue(NamedTuple):
    """A value in the unit of the records, NaN if undefined, and then the reason."""

    value: float
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ImageScores:
    """The numbers of single images over all classes.

    Attributes:
        stems: of N images, in stored order.
        values: float64 [N, M], one column per metric; NaN where undefined or absent.
        held: bool [N, M], whether there is a number, be it undefined.
        reasons: int [N, M], positions in ``names``.
        names: reasons of undefined values.
    """

    stems: tuple[str, ...]
    values: np.ndarray
    held: np.ndarray
    reasons: np.ndarray
    names: tuple[str, ...]

    @property
    def complete(self) -> tuple[str, ...]:
        """Stems of the images that have every metric."""
        return tuple(self.stems[at] for at in np.flatnonzero(self.held.all(axis=1)).tolist())

    def rows(self, stems: Sequence[str]) -> np.ndarray:
        """Positions of these images."""
        at = {stem: index for index, stem in enumerate(self.stems)}
        return np.array([at[stem] for stem in stems], dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    """A column of text: the different texts, and the position of each row's in them."""

    names: tuple[str, ...]
    codes: np.ndarray


class Scores(Mapping[Subject, StoredValue]):
    """Scores of one unit by what they are about, in stored order.

    As a mapping it makes an object for each number; ``overall`` and ``images`` do not.
    """

    def __init__(self, columns: Mapping[str, _Coded], values: np.ndarray) -> None:
        self._columns = columns
        self._values = values

    @classmethod
    def of(cls, items: Iterable[tuple[Subject, StoredValue]]) -> Scores:
        """The scores of pairs; of two about the same, the last."""
        unique = dict(items)
        columns = {
            name: _coded([subject[at] for subject in unique]) for at, name in enumerate(NAMES)
        }
        columns["reason"] = _coded([stored.reason for stored in unique.values()])
        return cls(columns, np.array([stored.value for stored in unique.values()], np.float64))

    @classmethod
    def from_table(cls, table: pa.Table) -> Scores:
        """The scores of a table with the columns of ``ivif_bench.store.RECORD_SCHEMA``.

        Raises:
            ValueError: a number is about nothing, or two are about the same.
        """
        if empty := [name for name in NAMES if table[name].null_count]:
            raise ValueError(f"a number without {empty[0]}")
        scores = cls(
            {name: _decoded(table[name]) for name in (*NAMES, "reason")},
            _numbers(table["value"].combine_chunks()),
        )
        scores._refuse_doubles()
        return scores

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Subject]:
        return iter(self._objects)

    def __getitem__(self, subject: Subject) -> StoredValue:
        return self._objects[subject]

    @cached_property
    def overall(self) -> Mapping[tuple[str, str], StoredValue]:
        """The scores over all images, by metric and class."""
        stems = self._columns["stem"]
        rows = np.flatnonzero(stems.codes == _position(stems, ""))
        return {
            (subject.metric, subject.class_name): stored for subject, stored in self._items(rows)
        }

    @cached_property
    def stems(self) -> frozenset[str]:
        """Images that any score is about."""
        stems = self._columns["stem"]
        return frozenset(stems.names[code] for code in np.unique(stems.codes).tolist()) - {""}

    def images(self, metrics: Sequence[str]) -> ImageScores:
        """The scores of single images over all classes, for these metrics."""
        stems, classes, found = (self._columns[name] for name in NAMES)
        own = (stems.codes != _position(stems, "")) & (classes.codes == _position(classes, ""))
        at = np.full(len(found.names) + 1, -1)  # one more, for a column without rows
        for index, metric in enumerate(metrics):
            at[_position(found, metric)] = index if metric in found.names else -1
        places = at[found.codes]
        rows = np.flatnonzero(own & (places >= 0))
        present, lines = np.unique(stems.codes[rows], return_inverse=True)
        shape = (len(present), len(metrics))
        values, held, reasons = np.full(shape, np.nan), np.zeros(shape, bool), np.zeros(shape, int)
        target = (lines.reshape(-1), places[rows])
        values[target] = self._values[rows]
        held[target] = True
        reasons[target] = self._columns["reason"].codes[rows]
        return ImageScores(
            tuple(stems.names[code] for code in present.tolist()),
            values,
            held,
            reasons,
            self._columns["reason"].names,
        )

    def to_table(self) -> pa.Table:
        """Columns ``stem``, ``class_name``, ``metric``, ``value`` and ``reason``, as stored."""
        texts = {
            name: pa.DictionaryArray.from_arrays(
                pa.array(column.codes, pa.int32()), pa.array(column.names, pa.string())
            ).dictionary_decode()
            for name, column in self._columns.items()
        }
        reason = texts.pop("reason")
        return pa.table({**texts, "value": pa.array(self._values), "reason": reason})

    @cached_property
    def _objects(self) -> dict[Subject, StoredValue]:
        return dict(self._items(np.arange(len(self))))

    def _items(self, rows: np.ndarray) -> Iterator[tuple[Subject, StoredValue]]:
        texts = [
            [column.names[code] for code in column.codes[rows].tolist()]
            for column in (*(self._columns[name] for name in NAMES), self._columns["reason"])
        ]
        values = self._values[rows].tolist()
        for stem, class_name, metric, reason, value in zip(*texts, values, strict=True):
            yield Subject(stem, class_name, metric), StoredValue(value, reason)

    def _refuse_doubles(self) -> None:
        code = np.zeros(len(self), np.int64)
        for name in NAMES:
            column = self._columns[name]
            code = code * max(1, len(column.names)) + column.codes
        order = np.argsort(code, kind="stable")
        again = order[1:][np.diff(code[order]) == 0]
        if again.size:
            subject, _ = next(self._items(again.min(keepdims=True)))
            raise ValueError(
                f"two values of {subject.metric} for stem {subject.stem!r}, "
                f"class {subject.class_name!r}"
            )


def used(column: pa.ChunkedArray) -> list[object]:
    """The different values of a column, None for an empty one."""
    if not pa.types.is_dictionary(column.type):
        return list(np.unique(_numbers(column.combine_chunks())).tolist())
    coded = _decoded(column)
    found: list[object] = [coded.names[code] for code in np.unique(coded.codes).tolist()]
    return [*found, None] if column.null_count else found


def _decoded(column: pa.ChunkedArray) -> _Coded:
    """A dictionary-encoded column; what is empty is the empty text."""
    array = column.unify_dictionaries().combine_chunks()
    names = array.dictionary.to_pylist()
    if not array.null_count:
        return _Coded(tuple(names), _numbers(array.indices))
    if "" not in names:
        names.append("")
    codes = _numbers(array.indices)
    return _Coded(tuple(names), np.where(np.isnan(codes), names.index(""), codes).astype(np.int32))


def _numbers(array: pa.Array) -> np.ndarray:
    """The numbers of an array; if some are empty, float64 with NaN in their place."""
    if array.null_count:
        empty: np.ndarray = array.to_numpy(zero_copy_only=False)
        return empty.astype(np.float64)
    return np.from_dlpack(array)  # ``to_numpy`` imports pandas


def _coded(texts: Sequence[str]) -> _Coded:
    names = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    return _Coded(tuple(names), np.array([names[text] for text in texts], dtype=np.int32))


def _position(column: _Coded, name: str) -> int:
    """Where a text is among a column's; behind the last if it is not."""
    return column.names.index(name) if name in column.names else len(column.names)
