"""Files of any content end in a value or in one line for the user, within a second.

The quick run draws a few dozen examples of each kind of file, the slow run 10,000 in all.
"""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hostile import outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivif_bench.config_reading import load_config
from ivif_bench.data.coco import read_coco
from ivif_bench.data.headers import read_header
from ivif_bench.data.images import decode, encode_png, read_labels, size_in_header
from ivif_bench.data.pictures import read_picture
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import read_split_file, within
from ivif_bench.data.voc import read_voc
from ivif_bench.data.yolo_text import read_yolo
from ivif_bench.errors import UserError
from ivif_bench.memory import Memory
from ivif_bench.protocol import read_protocol
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS, DetectionProtocol

_TEXT = r"""
name datasets methods layout root options quality detection demo size train test seed
report m3fd average precomputed {stem} ${HOME} ${ parts sha256 00000-00009 0-99999999999
²²-³³ 1e-4 ~ .inf .nan 0x1f 1:30 2001-01-01 << & * ! - : ? [ ] { } , # | > ' % @ \ud800 \0
a b
"""
_WORDS = st.sampled_from(_TEXT.split())
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), _WORDS, st.text(max_size=8)
)
_KEYS = st.one_of(_WORDS, st.text(max_size=4), st.integers(-2, 2))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_LINES = st.lists(
    st.lists(_WORDS, max_size=5)
    .map(" ".join)
    .flatmap(lambda line: st.sampled_from([line, f"  {line}"])),
    max_size=12,
).map("\n".join)


def _altered(valid: bytes) -> st.SearchStrategy[bytes]:
    """A valid file with a part replaced, repeated or cut off."""

    def alter(at: int, length: int, new: bytes) -> bytes:
        at %= len(valid) + 1
        return valid[:at] + new + valid[at + length :]

    pieces = st.binary(max_size=6) | _WORDS.map(str.encode) | st.just(valid)
    return st.builds(alter, st.integers(0, 1 << 16), st.integers(0, 40), pieces)


def _as_yaml(value: Any) -> bytes:
    return yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace")


_CONFIG = b"""name: a
datasets:
  d: {layout: m3fd, root: x, demo: {task: detection, train: 0, test: 1, size: [96, 128]}}
methods: [average, {name: mine, type: precomputed, options: {root: 'out/{stem}.png'}}]
quality: {dataset: d}
"""
_SECTIONS = st.fixed_dictionaries(
    {"name": _SCALARS, "datasets": _VALUES, "methods": _VALUES},
    optional={"quality": _VALUES, "detection": _VALUES, "report": _VALUES, "seed": _VALUES},
)
_PROTOCOL = (SHIPPED_PROTOCOLS / "m3fd-det.v1.yaml").read_bytes()
_SPLIT = b"name: s\nparts:\n  train: ['00000-00009', b]\n  test: ['a-1', '7-9']\nsha256: {}\n"
_VOC = b"""<annotation><object><name>car</name><difficult>0</difficult><bndbox><xmin>1</xmin>
<ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>"""
_COCO: dict[str, Any] = {
    "categories": [{"id": 1, "name": "car"}],
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0}],
}
_PNG = encode_png(np.arange(12, dtype=np.uint8).reshape(3, 4))
_YAML_TEXT = _LINES.map(str.encode) | _VALUES.map(_as_yaml) | st.binary(max_size=40)
_JSON = _VALUES.map(lambda value: json.dumps(value).encode())


def _coco(part: str, key: str, value: Any) -> bytes:
    content = {name: [dict(item) for item in items] for name, items in _COCO.items()}
    content[part][0][key] = value
    return json.dumps(content).encode()


def _png(width: int, height: int, bits: int, colour: int, interlaced: int, pixels: bytes) -> bytes:
    """A PNG whose checksums are right, whatever its header claims."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


_SIDES = st.integers(0, 9) | st.integers(0, 2**32 - 1)
_PNGS = st.builds(
    _png, _SIDES, _SIDES, st.sampled_from([1, 2, 4, 8, 16, 0, 255]), st.integers(0, 7),
    st.integers(0, 1), st.binary(max_size=90),
)  # fmt: skip
_MAGIC = st.sampled_from(
    [b"\xff\xd8\xff\xc0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"BM", b"GIF8", b""]
)
_OTHER_IMAGES = st.builds(bytes.__add__, _MAGIC, st.binary(max_size=80))


def _image(path: Path) -> None:
    read_header(path.read_bytes())
    for read in (size_in_header, decode, read_labels, read_picture):
        outcome(partial(read, path))


def _split(path: Path) -> None:
    split = read_split_file(path)
    within(split, 1)


def _protocol(path: Path) -> None:
    read_protocol(DetectionProtocol, str(path), SHIPPED_PROTOCOLS, "detection")


Case = tuple[str, st.SearchStrategy[bytes], Callable[[Path], object]]
CASES: dict[str, Case] = {
    "configuration": ("a.yaml", _altered(_CONFIG) | _YAML_TEXT | _SECTIONS.map(_as_yaml), load_config),
    "protocol": (
        "a.yaml", _altered(_PROTOCOL) | _YAML_TEXT, _protocol
    ),
    "split": ("a.yaml", _altered(_SPLIT) | _YAML_TEXT, _split),
    "list": ("a.txt", _LINES.map(str.encode) | st.binary(max_size=60), read_list),
    "VOC": ("a.xml", _altered(_VOC) | st.binary(max_size=60), read_voc),
    "COCO": (
        "a.json",
        _JSON
        | _altered(json.dumps(_COCO).encode())
        | st.sampled_from([("categories", "name"), ("images", "file_name"), ("images", "id"),
                           ("annotations", "bbox"), ("annotations", "image_id"),
                           ("annotations", "iscrowd")]).flatmap(
            lambda place: _VALUES.map(partial(_coco, *place))
        ),
        read_coco,
    ),
    "YOLO": (
        "a.txt",
        _altered(b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n") | _LINES.map(str.encode),
        lambda path: read_yolo(path, {0: "car"}, (4, 5)),
    ),
    "image": ("a.png", _altered(_PNG) | _PNGS | _OTHER_IMAGES, _image),
    "cache": ("a.jsonl", _JSON | st.binary(max_size=60),
              lambda path: Memory(path, lambda value: isinstance(value, str))),
}  # fmt: skip


def _check(kind: str, folder: Path, examples: int) -> None:
    name, contents, read = CASES[kind]
    path = folder / name

    with contextlib.suppress(UserError):
        path.write_bytes(b"name: a\nmethods: [average]\ndatasets: {}\nquality: {}\n")
        read(path)  # imports the libraries, which takes seconds

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(contents)
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        outcome(lambda: read(path))

    holds()


@pytest.mark.parametrize("kind", CASES)
def test_any_content_is_a_value_or_one_line(kind: str, tmp_path: Path) -> None:
    _check(kind, tmp_path, 40)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_any_content_is_a_value_or_one_line_in_10_000_examples(kind: str, tmp_path: Path) -> None:
    _check(kind, tmp_path, -(-10_000 // len(CASES)))
