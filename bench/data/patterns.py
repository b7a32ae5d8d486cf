"""Names of image files as patterns, such as ``DIR/IR{stem}.png`` or ``DIR/{stem:05d}.png``.

``{stem}`` stands for what the names of a pair have in common. ``{stem:05d}`` stands for a number that is
written with five digits: its stem is the number without zeros, so it pairs with ``1.png``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivif_bench.data.headers import SUFFIXES
from ivif_bench.errors import UserError
from ivif_bench.files import exists

_PART = re.compile(r"\{\{|\}\}|\{(stem)(?::0([1-9]\d?)d)?\}|\{(dataset)\}|[{}]", re.ASCII)
_FIELD = re.compile(r"\{stem(?::0([1-9]\d?)d)?\}", re.ASCII)
_TRIED = 8  # names of each side that are looked at for a constant part
_SEPARATORS = "_-. "


@dataclass(frozen=True, slots=True)
class Pattern:
    """A folder and the form of the names in it.

    Attributes:
        before, after: text around the stem, without the extension.
        suffix: extension with the dot; empty for any image type.
        digits: width of a stem that is a number; 0 for a stem that is text.
    """

    folder: Path
    before: str
    after: str
    suffix: str
    digits: int

    def stem_of(self, name: str) -> str | None:
        """The stem of a file name; None if the name has another form."""
        base, suffix = os.path.splitext(name)  # noqa: PTH122
        wanted = (self.suffix,) if self.suffix else SUFFIXES
        if suffix.lower() not in wanted or name.startswith("."):
            return None
        inside = len(self.before) + len(self.after) < len(base)
        if not (inside and base.startswith(self.before) and base.endswith(self.after)):
            return None
        stem = base[len(self.before) : len(base) - len(self.after)]
        if not self.digits:
            return stem
        if not (stem.isascii() and stem.isdigit() and stem == f"{int(stem):0{self.digits}d}"):
            return None
        return str(int(stem))

    def files(self) -> dict[str, Path]:
        """Stem to file of the names in the folder that have the form, sorted by name.

        Raises:
            UserError: no such folder, or two files of one stem.
        """
        if not self.folder.is_dir():
            raise UserError(f"no such folder: {self.folder}")
        found: dict[str, Path] = {}
        for name in sorted(os.listdir(self.folder)):  # noqa: PTH208 - names only
            stem = self.stem_of(name)
            if stem is None:
                continue
            if stem in found:
                raise UserError(
                    f"{self.folder}: stem {stem!r} occurs twice: {found[stem].name} and {name}"
                )
            found[stem] = self.folder / name
        return found


def is_pattern(text: str) -> bool:
    """Whether a text is meant as a pattern, not as the name of a folder."""
    return "{" in text


def parse_pattern(text: str) -> Pattern:
    """The pattern that a user wrote.

    Raises:
        UserError: anything but one ``{stem}`` or ``{stem:0Nd}`` in the name, or braces in a folder.
    """
    folder, _, name = text.rpartition("/")
    field = _FIELD.search(name)
    if field is None or is_pattern(folder) or re.search(r"[{}]", name.replace(field[0], "", 1)):
        raise UserError(
            f"pattern {text!r}: expected FOLDER/NAME with one {{stem}} in NAME, such as "
            "'thermal/IR{stem}.png', or {stem:05d} for numbers of five digits"
        )
    after = name[field.end() :]
    suffix = next((each for each in SUFFIXES if after.lower().endswith(each)), "")
    after = after[: len(after) - len(suffix)]
    before = name[: field.start()]
    return Pattern(Path(folder or "."), before, after, suffix, int(field[1] or 0))


def filled(text: str, stem: str, dataset: str = "") -> str:
    """A pattern with its fields replaced: ``{stem}``, ``{stem:0Nd}`` and ``{dataset}``.

    ``{{`` and ``}}`` are braces in a name.

    Raises:
        UserError: anything else in braces, or a stem that is no number where ``{stem:0Nd}`` needs one.
    """

    def value(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[3]:
            return dataset
        if not found[1]:
            raise UserError(
                f"{text!r}: only {{dataset}} and {{stem}} are allowed in braces, and {{stem:05d}} for "
                "numbers of five digits"
            )
        if not found[2]:
            return stem
        if not (stem.isascii() and stem.isdigit() and len(stem) < 100):
            raise UserError(f"{text!r}: {found[0]} needs stems that are numbers, not {stem!r}")
        return f"{int(stem):0{found[2]}d}"

    return _PART.sub(value, text)


def is_single(place: Path | str) -> bool:
    """Whether a user named one file; whether it can be read is found when it is."""
    return exists(place) and not Path(place).is_dir()


def images_at(place: Path | str) -> dict[str, Path]:
    """Stem to image file of what a user named: a folder, a pattern of names, or one file.

    Raises:
        UserError: nothing of that name, a wrong pattern, or two files of one stem.
    """
    from ivif_bench.data.images import images_in

    path = Path(place)
    if is_single(path):
        return {path.stem: path}
    if is_pattern(str(place)) and not path.is_dir():
        return parse_pattern(str(place)).files()
    return images_in(path)


def common_form(first: Collection[str], second: Collection[str]) -> tuple[str, str] | None:
    """How to write two sets of stems without common members so that they pair; None if unknown.

    Finds one constant text before and after the stems of each set, or numbers that are written with
    zeros in one of them.

    Returns:
        The names of both sets, such as ``("{stem}", "{stem}_recover")``.
    """
    if not first or not second:
        return None
    numbers = _numbers(first), _numbers(second)
    if all(numbers):
        (width_1, values_1), (width_2, values_2) = numbers  # type: ignore[misc]
        if values_1 & values_2 and width_1 != width_2:
            return _number_form(width_1), _number_form(width_2)
    found: dict[tuple[str, str], int] = {}
    for a in sorted(first)[:_TRIED]:
        for b in sorted(second)[:_TRIED]:
            for core in _common_parts(a, b):
                forms = _around(a, core), _around(b, core)
                pairs = len(_stems(first, *forms[0]) & _stems(second, *forms[1]))
                written = [f"{before}{{stem}}{after}" for before, after in forms]
                found[written[0], written[1]] = pairs
    # Most pairs; then the shortest constant parts.
    best = max(found, key=lambda forms: (found[forms], -len(forms[0] + forms[1])), default=None)
    return best if best and 2 * found[best] >= min(len(first), len(second)) else None


def advice(sides: Mapping[str, tuple[str, Collection[str]]]) -> str:
    """The options that would pair sides without common stems, for an error; empty if unknown.

    Args:
        sides: option to the folder or pattern as the user wrote it, and the stems found by it.
    """
    given = [set(stems) for place, stems in sides.values() if is_pattern(place)]
    plain = {
        option: set(stems) for option, (place, stems) in sides.items() if not is_pattern(place)
    }
    forms: dict[str, str] = {}
    if not given and len(plain) > 1:
        (one, first), (other, second) = list(plain.items())[:2]
        found = ("{stem}", "{stem}") if first & second else common_form(first, second)
        if found is None:
            return ""
        forms[one], forms[other] = found
        pattern = parse_pattern(found[0])
        given = [{stem for name in first if (stem := pattern.stem_of(f"{name}.png")) is not None}]
    cores = set.intersection(*given) if given else set()
    for option, stems in plain.items():
        if option not in forms and not stems & cores:
            own, other_form = common_form(cores, stems) or ("", "")
            if own == "{stem}":
                forms[option] = other_form
    written = [
        f"{option} '{sides[option][0].rstrip('/')}/{form}'"
        for option, form in forms.items()
        if form != "{stem}"
    ]
    if not written:
        return ""
    return f"; if their names differ by a constant part only, write {' '.join(written)}"


def _numbers(stems: Collection[str]) -> tuple[int, set[int]] | None:
    """Width (0 without leading zeros) and values of stems that all are numbers."""
    if not all(stem.isascii() and stem.isdigit() and len(stem) < 19 for stem in stems):
        return None
    padded = {len(stem) for stem in stems if stem.startswith("0") and len(stem) > 1}
    width = max(padded, default=0)
    if any(stem != f"{int(stem):0{width or 1}d}" for stem in stems):
        return None
    return width, {int(stem) for stem in stems}


def _number_form(width: int) -> str:
    return f"{{stem:0{width}d}}" if width else "{stem}"


def _common_parts(first: str, second: str) -> set[str]:
    """Texts that occur in both and cannot be made longer, without separators at their ends."""
    parts = set()
    for i in range(len(first)):
        for j in range(len(second)):
            if first[i] != second[j] or (i and j and first[i - 1] == second[j - 1]):
                continue
            length = 0
            while first[i + length : i + length + 1] == second[j + length : j + length + 1] != "":
                length += 1
            parts.add(first[i : i + length].strip(_SEPARATORS))
    return parts - {""}


def _around(stem: str, core: str) -> tuple[str, str]:
    before, _, after = stem.partition(core)
    return before, after


def _stems(names: Collection[str], before: str, after: str) -> set[str]:
    """What is between two constant parts, in the names that have both."""
    least = len(before) + len(after)
    return {
        name[len(before) : len(name) - len(after)]
        for name in names
        if name.startswith(before) and name.endswith(after) and len(name) > least
    }
