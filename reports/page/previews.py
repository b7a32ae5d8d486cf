"""Small copies of images as WebP, made once, and where the originals are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import cv2
import numpy as np

from ivif_bench.data.images import read_labels, read_rgb
from ivif_bench.parallel import in_threads
from ivif_bench.reports.frame import RunResults
from ivif_bench.reports.page.chunks import Folder
from ivif_bench.reports.page.subjects import Images, Question
from ivif_bench.reports.segmentation_pictures import ERRORS, Judged, error_map

LONGEST = 640  # pixels of a side
_QUALITY = 82
_LOSSLESS = 101  # OpenCV's number for it
_Place = str | Literal[False] | None
_FORM = "1"  # of the file names: another number makes every preview again


@dataclass
class Previews:
    """Makes previews and knows those that there are.

    Attributes:
        made: previews that were made now.
        names: their names, with those of earlier pages.
    """

    folder: Folder
    run: Path
    made: int = 0
    names: set[str] = field(default_factory=set)
    jobs: dict[str, Callable[[], bytes]] = field(default_factory=dict)

    def image(self, path: Path) -> str:
        """The name of the preview of an image file, which ``write`` makes."""
        return self._later(("image", path), lambda: webp(smaller(read_rgb(path)), _QUALITY))

    def colours(self, path: Path, judged: Judged) -> str:
        """That of a label image in colours; background and what is no class are clear."""
        table = np.zeros((256, 4), np.uint8)
        table[: len(judged.palette), :3] = judged.palette
        table[: len(judged.palette), 3] = 255
        table[list(judged.background)] = 0
        return self._later(
            ("labels", path, table.tolist()),
            lambda: webp(smaller(table[read_labels(path)], cv2.INTER_NEAREST), _LOSSLESS),
        )

    def errors(self, truth: Path, prediction: Path, judged: Judged) -> str:
        """That of a prediction's errors; what is right is clear."""

        def make() -> bytes:
            kinds = error_map(
                read_labels(truth), read_labels(prediction), judged.background, judged.ignore_index
            )
            table = np.array([(*colour, 255) for colour in ERRORS.values()], np.uint8)
            for at, name in enumerate(ERRORS):
                if name.startswith("right"):
                    table[at] = 0
            return webp(smaller(table[kinds], cv2.INTER_NEAREST), _LOSSLESS)

        rule = (list(judged.background), judged.ignore_index)
        return self._later(("errors", truth, prediction, rule), make)

    def write(self) -> None:
        """Make what is not there yet."""

        def one(name: str) -> None:
            self.folder.bytes(_file(name), self.jobs[name]())

        in_threads(one, list(self.jobs))
        self.made += len(self.jobs)
        self.jobs.clear()

    def size(self) -> int:
        """Bytes of all previews."""
        return sum((self.folder.root / _file(name)).stat().st_size for name in self.names)

    def _later(self, what: tuple[object, ...], make: Callable[[], bytes]) -> str:
        parts: list[object] = [_FORM, LONGEST]
        for each in what:
            if isinstance(each, Path):
                about = each.stat()
                inside = each.relative_to(self.run) if each.is_relative_to(self.run) else each
                parts += [str(inside), about.st_size, about.st_mtime_ns]
            else:
                parts.append(each)
        name = hashlib.sha256(repr(parts).encode()).hexdigest()[:20]
        self.names.add(name)
        if (self.folder.root / _file(name)).is_file():
            self.folder.kept(_file(name))
        else:
            self.jobs[name] = make
        return name


def _file(name: str) -> str:
    return f"img/{name[:2]}/{name[2:]}.webp"


def webp(image: np.ndarray, quality: int) -> bytes:
    """WebP of RGB or RGBA, uint8 [H, W, 3 or 4]."""
    order = [2, 1, 0, 3][: image.shape[2]]
    good, buffer = cv2.imencode(
        ".webp", np.ascontiguousarray(image[:, :, order]), [cv2.IMWRITE_WEBP_QUALITY, quality]
    )
    if not good:
        raise RuntimeError("OpenCV could not encode a WebP")
    return buffer.tobytes()


def smaller(image: np.ndarray, how: int = cv2.INTER_AREA) -> np.ndarray:
    """An image whose longer side is at most ``LONGEST``."""
    height, width = image.shape[:2]
    factor = LONGEST / max(height, width)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(image, size, interpolation=how)


def original(run: RunResults, images: Images, method: str) -> _Place | list[_Place]:
    """Where a method's images are, as an address relative to the page.

    A text with ``{stem}`` holds for all images, a list has one for each. None stands for an image that
    is not known, False for one outside of the run: pages do not link to it, since its address would be
    a path of this machine, which is wrong on any other and nobody else's concern.
    """
    place = run.images.get(images.name, {}).get(method)
    if place is None:
        return None
    if isinstance(place, str):
        return _address(place)
    return [_address(place[stem]) if stem in place else None for stem in images.stems]


def _address(path: str) -> str | Literal[False]:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        return False
    return "../../" + quote(path, safe="/{}")


def previews_of_labels(
    previews: Previews,
    images: Images,
    question: Question,
    wanted: frozenset[str],
    ids: Mapping[str, str],
) -> dict[str, dict[int, str]]:
    """Names of previews by layer (``truth``, ``m0``, ``m0-errors``) and position of the image."""
    found: dict[str, dict[int, str]] = {}
    at = {stem: index for index, stem in enumerate(images.stems)}
    for name, judged in question.labels.items():
        for stem in judged.wrong:
            truth, mine = judged.folder / "truth" / f"{stem}.png", judged.folder / f"{stem}.png"
            if stem not in wanted or not (truth.is_file() and mine.is_file()):
                continue
            place = at[stem]
            if place not in found.setdefault("truth", {}):
                found["truth"][place] = previews.colours(truth, judged)
            found.setdefault(ids[name], {})[place] = previews.colours(mine, judged)
            errors = found.setdefault(f"{ids[name]}-errors", {})
            errors[place] = previews.errors(truth, mine, judged)
    return found
