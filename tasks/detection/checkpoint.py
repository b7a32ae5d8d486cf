"""Weights of detectors in a file: safetensors, with network and class names in the header.

No code in such a file is ever run, and its sizes are checked before memory is taken for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ivif_bench.data.splits import canonical_hash
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import demand_regular, parse_json, write_bytes
from ivif_bench.fingerprints import hash_file
from ivif_bench.types import Pair

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "ivif-bench-detector/1"
MOST_CLASSES = 10_000  # a header may claim any number, and a network is built for it
_CARD = "ivif-bench"
_OWN = ("format", "architecture", "names")
_SEEN = "training_images"
_DIGITS = 16  # of the hash of an image
_DEEPEST = 20  # levels of values in a header


class SeenImages(NamedTuple):
    """Images that weights were trained on.

    Attributes:
        dataset: its name in the run.
        layout: of that dataset.
        stems: sorted.
        contents: the start of the visible file's sha256, for each stem; empty if not recorded.
    """

    dataset: str
    layout: str
    stems: tuple[str, ...]
    contents: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Values for a header; ``sha256`` is that of the sorted stems, as splits have it."""
        return {**self._asdict(), "sha256": canonical_hash(self.stems)}


class Header(NamedTuple):
    """What the header of a file says.

    Attributes:
        architecture: registered name of the network.
        names: class names in the order of the network's outputs.
        seen: images that it was trained on, its initial weights included; empty if not recorded.
        about: everything else, such as protocol and seed.
    """

    architecture: str
    names: tuple[str, ...]
    seen: tuple[SeenImages, ...]
    about: dict[str, Any]


class Checkpoint(NamedTuple):
    """What a file holds: tensors by name (floating ones in float32), and its class names."""

    state: dict[str, Tensor]
    names: tuple[str, ...]


def write_checkpoint(
    path: Path,
    state: Mapping[str, Tensor],
    architecture: str,
    names: Sequence[str],
    *,
    half: bool = False,
    seen: Sequence[SeenImages] = (),
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write weights atomically; equal weights give equal files.

    Args:
        architecture: registered name of the network.
        half: store float16, for a smaller file.
        seen: images that the weights were trained on.
        about: more values for the header, which is JSON.
    """
    from safetensors.torch import save

    stored: dict[str, Tensor] = {}
    for key, value in state.items():
        value = value.detach().cpu().contiguous().clone()
        stored[key] = value.half() if half and value.is_floating_point() else value
    lists = {_SEEN: [each.to_json() for each in seen]} if seen else {}
    card = {**(about or {}), **lists, "format": FORMAT, "architecture": architecture}
    # One entry only: safetensors writes several in random order.
    text = json.dumps({**card, "names": list(names)}, sort_keys=True)
    write_bytes(path, save(stored, metadata={_CARD: text}))


def read_header(path: Path) -> Header | None:
    """The header of a safetensors file, without its tensors and without torch; None if not ours.

    Raises:
        UserError: unreadable, or a header that cannot be right.
    """
    return _header(_card(path), path)


def read_checkpoint(path: Path, architecture: str) -> Checkpoint:
    """Read what ``write_checkpoint`` wrote.

    Raises:
        UserError: unreadable, another format, or the weights of another network.
    """
    from safetensors import SafetensorError, safe_open

    header = read_header(path)
    if header is None:
        raise UserError(f"weights {path}: not a detector checkpoint of ivif-bench")
    if header.architecture != architecture:
        raise UserError(f"weights {path}: made for {header.architecture}, not for {architecture}")
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as problem:
        raise UserError(f"cannot read weights {path}: {problem}") from problem
    floats = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    return Checkpoint(floats, header.names)


def class_names(value: Any) -> tuple[str, ...] | None:
    """The class names that a file claims; None if no network can have them."""
    fits = (
        isinstance(value, (list, tuple))
        and 0 < len(value) <= MOST_CLASSES
        and all(isinstance(name, str) and name and name.isprintable() for name in value)
        and len(set(value)) == len(value)
    )
    return tuple(value) if fits else None


def content_of(pair: Pair) -> str:
    """What ``SeenImages.contents`` has of an image.

    Raises:
        UserError: its visible file cannot be read.
    """
    return hash_file(str(pair.visible))[:_DIGITS]


def refuse_seen(path: Path, layout: str, test: Sequence[Pair]) -> None:
    """Refuse weights that were trained on images they would be judged on.

    Images are the same if layout and stem are, unless no file of these stems is: other datasets of a
    layout number their images in the same way. Only safetensors files of ours record their images.

    Raises:
        UserError: naming the first stems, or the file cannot be read.
    """
    header = read_header(path) if path.suffix == ".safetensors" else None
    both: dict[str, Pair] = {}
    for each in () if header is None else header.seen:
        known = dict(zip(each.stems, each.contents or each.stems, strict=True))
        named = [pair for pair in test if pair.stem in known] if each.layout == layout else []
        if not each.contents or any(content_of(pair) == known[pair.stem] for pair in named):
            both |= {pair.stem: pair for pair in named}
    if both:
        dataset = next(iter(both.values())).dataset
        raise UserError(
            f"weights {path}: trained on {len(both)} of the {len(test)} test images of dataset "
            f"{dataset!r} (layout {layout}): {first_few(sorted(both), 4)}; judge on images that they "
            "were not trained on ('split' of the section), or use other weights"
        )


def _card(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        demand_regular(path)
        with safe_open(path, framework="numpy") as file:  # checks all sizes against the file's
            text = (file.metadata() or {}).get(_CARD, "{}")
        return parse_json(text)
    except OSError as problem:
        raise UserError(f"cannot read weights {path}: {problem.strerror or problem}") from problem
    except (SafetensorError, ValueError) as problem:
        raise UserError(f"cannot read weights {path}: {problem}") from problem


def _header(card: Any, path: Path) -> Header | None:
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        return None
    if _deeper(card, _DEEPEST):
        raise UserError(f"weights {path}: the values in its header are nested too deeply")
    names = class_names(card.get("names"))
    if names is None:
        raise UserError(
            f"weights {path}: its header has no list of distinct, printable class names"
        )
    seen = tuple(_seen(each, path) for each in _listed(card.get(_SEEN, []), path))
    about = {key: value for key, value in card.items() if key not in (*_OWN, _SEEN)}
    return Header(str(card.get("architecture")), names, seen, about)


def _deeper(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inside) and (not levels or any(_deeper(each, levels - 1) for each in inside))


def _listed(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise UserError(f"weights {path}: {_SEEN!r} in its header is no list")
    return value


def _seen(value: Any, path: Path) -> SeenImages:
    stems = value.get("stems") if isinstance(value, dict) else None
    if not isinstance(stems, list) or not all(isinstance(stem, str) for stem in stems):
        raise UserError(f"weights {path}: {_SEEN!r} in its header has no list of stems")
    try:
        digest = canonical_hash(stems)
    except UnicodeEncodeError:
        digest = ""
    if digest != value.get("sha256"):
        raise UserError(
            f"weights {path}: the list of training images in its header does not have its sha256; "
            "the file was edited"
        )
    contents = value.get("contents", [])
    if (
        not isinstance(contents, list)
        or not all(isinstance(each, str) for each in contents)
        or len(contents) not in (0, len(stems))
    ):
        raise UserError(f"weights {path}: {_SEEN!r} in its header has no content for each stem")
    dataset, layout = str(value.get("dataset")), str(value.get("layout"))
    return SeenImages(dataset, layout, tuple(stems), tuple(contents))
