"""TensorFlow checkpoints without TensorFlow: its own reader's tensors, and damaged files refused by name."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.compared import tf_checkpoint
from ivif_bench.fusion_models.compared.tf_checkpoint import crc32c, masked, read_checkpoint

OWN = Path(__file__).parent / "tf_synthetic"  # written by TensorFlow 1.15.5 from random numbers
NUMERIC = (
    "bool", "c64", "empty", "f16", "f32", "f64", "i32", "i64", "i8", "prefix/aaaa/kernel",
    "prefix/aaaa/kernel_2", "prefix/aaab", "scalar", "u8",
)  # fmt: skip
DATA = "shards2.data-00000-of-00002"


@pytest.fixture
def copy(tmp_path):
    for file in OWN.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283  # the check value of its definition
    assert masked(0) == 0xA282EAD8


def test_every_numeric_kind_and_two_shards_are_read(shared):
    recorded = json.loads((shared / "golden/compared/tf/tf_synthetic/expected.json").read_text())
    for name, only in (("mixed", NUMERIC), ("shards2", None)):
        found = read_checkpoint(OWN / name, only)
        wanted = {one["name"]: one for one in recorded[name]["tensors"] if one["name"] != "text"}
        assert found.keys() == wanted.keys()
        for key, array in found.items():
            about = wanted[key]
            assert (list(array.shape), array.dtype.name) == (about["shape"], about["dtype"])
            assert _digest(array) == about["sha256"]
            assert not array.flags.writeable


def test_a_table_of_several_blocks_is_read(shared):
    tensors = read_checkpoint(shared / "golden/compared/tf/tf_synthetic/blocks.index")
    assert len(tensors) == 2600
    for index, name in enumerate(sorted(tensors)):
        assert np.array_equal(tensors[name], np.array([index, index / 3], np.float32))


@pytest.mark.slow
def test_every_tensor_of_the_authors_files_is_what_tensorflow_reads(shared):
    recorded = json.loads((shared / "golden/compared/tf/tf_checkpoints.json").read_text())
    folder = shared / "data/weights/compared/tf"
    here = [name for name in recorded if (folder / f"{name}.index").is_file()]
    assert len(here) >= 6
    for name in here:
        found = read_checkpoint(folder / name)
        wanted = {one["name"]: one["sha256"] for one in recorded[name]["tensors"]}
        assert {key: _digest(array) for key, array in found.items()} == wanted


def _with_block_checksum(data: bytearray) -> bytearray:
    """The index with the checksum of its first block made to fit."""
    place = len(data) - 48
    numbers = []
    for _ in range(4):  # metaindex and index, each an offset and a size
        value, place = tf_checkpoint._varint(bytes(data), place)
        numbers.append(value)
    end = numbers[0] - 5  # data blocks end where the metaindex starts
    data[end + 1 : end + 5] = struct.pack("<I", masked(crc32c(bytes(data[: end + 1]))))
    return data


def _flipped(place: int):
    def change(data: bytearray) -> bytearray:
        data[place] ^= 1
        return data

    return change


def _compressed(data: bytearray) -> bytearray:
    place = len(data) - 48
    first, _ = tf_checkpoint._varint(bytes(data), place)
    data[first - 5] = 1
    return data


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("shards2.index", _flipped(20), "checksum of a block"),
        (DATA, _flipped(5), "checksum does not fit its bytes"),
        ("shards2.index", lambda data: data[:-9], "cut off"),
        ("shards2.index", lambda data: data[:30], "cut off"),
        ("shards2.index", _compressed, "snappy"),
        (DATA, lambda data: data[:-4], "beyond the end"),
        (DATA, lambda data: bytearray(len(data)), "another checkpoint"),
        ("shards2.index", lambda data: data[:-48] + (b"\xff" * 9 + b"\1") * 4 + data[-8:], "outside"),
    ],
    ids=[
        "bit-of-the-index", "bit-of-the-data", "cut-index", "short-index", "snappy", "cut-data",
        "data-of-another", "far-handles",
    ],
)  # fmt: skip
def test_a_damaged_checkpoint_is_refused_by_name(copy, file, change, said):
    path = copy / file
    path.write_bytes(bytes(change(bytearray(path.read_bytes()))))
    with pytest.raises(UserError, match=rf"shards2.*({said})"):
        read_checkpoint(copy / "shards2")


def test_a_place_beyond_the_data_is_refused_though_the_index_is_consistent(copy):
    path = copy / "mixed.index"
    data = bytearray(path.read_bytes())
    described = dict(tf_checkpoint._table(bytes(data)))["c64"]
    tag = described.index(0x20)  # field 4, the offset, a number of two bytes here
    place = data.index(described) + tag + 1
    assert data[place] > 127
    data[place + 1] = 127
    path.write_bytes(bytes(_with_block_checksum(data)))
    with pytest.raises(UserError, match=r"mixed.*'c64'.*beyond the end"):
        read_checkpoint(copy / "mixed", ["c64"])


@pytest.mark.parametrize(
    ("name", "said"), [("mixed", "'text': it is text"), ("sliced", "'part': it is partitioned")]
)
def test_unsupported_tensors_are_refused_by_name(name, said):
    with pytest.raises(UserError, match=said):
        read_checkpoint(OWN / name)
    assert read_checkpoint(OWN / "sliced", ["whole"])["whole"].shape == (2, 2)


def test_a_missing_or_huge_file_is_refused_before_it_is_read(copy, monkeypatch):
    (copy / DATA).unlink()
    with pytest.raises(
        UserError, match=rf"cannot read checkpoint file .*{DATA}.*every \.data file"
    ):
        read_checkpoint(copy / "shards2")
    monkeypatch.setattr(tf_checkpoint, "MOST_BYTES", 100)
    with pytest.raises(UserError, match=r"mixed\.index.*the most that is read is 100"):
        read_checkpoint(copy / "mixed")
