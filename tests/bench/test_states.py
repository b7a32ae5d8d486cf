"""A state comes back as it was, or the file is refused by one clear line."""

from __future__ import annotations

import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ivif_bench.errors import UserError
from ivif_bench.states import read_state_file, write_state_file

WORDS = {"what": "a state", "damaged": "delete it", "differs": "start again"}


def read(path, identity=None):
    return read_state_file(path, identity or {}, **WORDS)


def test_every_kind_of_value_comes_back_as_it_was(tmp_path):
    state = {
        "none": None, "flag": True, "count": 2**70, "rate": 0.1 + 0.2, "text": "ä/b", "nan": float("inf"),
        "nested": {0: {"x": [1, (2.5, None), {}]}, "0": "another key than 0", "$": {"$": 1}},
        "empty": torch.zeros(0, 3), "scalar": torch.tensor(7), "half": torch.ones(2, dtype=torch.bfloat16),
    }  # fmt: skip
    write_state_file(tmp_path / "s", state, {})
    found = read(tmp_path / "s")
    for name in ("empty", "scalar", "half"):
        assert found[name].dtype == state[name].dtype
        assert torch.equal(found.pop(name), state.pop(name))
    assert found == state
    assert type(found["flag"]) is bool
    assert isinstance(found["nested"][0]["x"][1], tuple)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_an_optimiser_goes_on_bit_for_bit(tmp_path, kind):
    def begun():
        torch.manual_seed(0)
        network = torch.nn.Linear(3, 2)
        options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        return network, kind(network.parameters(), 0.1, **options)

    def step(network, optimizer, number):
        optimizer.zero_grad()
        network(torch.full((4, 3), float(number))).square().sum().backward()
        optimizer.step()

    network, optimizer = begun()
    for number in range(3):
        step(network, optimizer, number)
    write_state_file(tmp_path / "s", {"n": network.state_dict(), "o": optimizer.state_dict()}, {})
    step(network, optimizer, 3)
    again, fresh = begun()
    found = read(tmp_path / "s")
    again.load_state_dict(found["n"])
    fresh.load_state_dict(found["o"])
    step(again, fresh, 3)
    assert torch.equal(network.weight, again.weight)


def test_tensors_that_share_memory_and_views_are_stored_apart_and_equal_states_are_equal_files(
    tmp_path,
):
    base = torch.arange(12.0).reshape(3, 4)
    state = {"a": base, "b": base, "view": base[1], "columns": base.T, "0": base[0], 0: base[2]}
    for name in ("one", "two"):
        write_state_file(tmp_path / name, state, {"n": 1})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = read(tmp_path / "one", {"n": 1})
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_another_identity_is_named_by_its_key(tmp_path):
    write_state_file(tmp_path / "s", {}, {"recipe": {"lr": 0.1, "parts": [1]}})
    assert read(tmp_path / "s", {"recipe": {"lr": 0.1, "parts": (1,)}}) == {}
    with pytest.raises(UserError, match=r"made with recipe\.lr 0\.1, now 0\.2; start again"):
        read(tmp_path / "s", {"recipe": {"lr": 0.2, "parts": [1]}})


def test_what_cannot_be_stored_is_named_by_its_place_and_nothing_is_left(tmp_path):
    with pytest.raises(TypeError, match="a/#1: set cannot be stored"):
        write_state_file(tmp_path / "s", {"a": [0, {1}]}, {})
    with pytest.raises(TypeError, match=r"a: key \(1,\)"):
        write_state_file(tmp_path / "s", {"a": {(1,): 0}}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_was_read_no_longer_needs_its_file(tmp_path):
    write_state_file(tmp_path / "s", {"x": torch.arange(100_000)}, {})
    found = read(tmp_path / "s")
    with (tmp_path / "s").open("rb+") as file:
        file.truncate(100)
    assert torch.equal(found["x"], torch.arange(100_000))


def test_no_file_is_no_state(tmp_path):
    assert read(tmp_path / "s") is None


def _cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def _headed(path, text):
    save_file({"x": torch.zeros(1)}, path, {"state": text})


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        lambda path: path.write_bytes(b""),
        lambda path: save_file({"x": torch.zeros(1)}, path),
        lambda path: _headed(path, "{"),
        lambda path: _headed(path, "[1]"),
        lambda path: _headed(path, "[" * 100_000),
        lambda path: _headed(path, json.dumps({"format": "other", "identity": {}, "state": 1})),
        lambda path: _headed(path, _header({"x": {"$": "tensor", "is": "y"}})),
        lambda path: _headed(path, _header({"x": {"$": "code", "is": "y"}})),
        lambda path: _headed(path, _header({"$": "dict", "is": [[[1], 2]]})),
        lambda path: _headed(path, _header(3)),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path, damage):
    path = tmp_path / "s"
    write_state_file(path, {"x": torch.zeros(4)}, {})
    damage(path)
    with pytest.raises(UserError, match=r"not a state .*; delete it"):
        read(path)


def _header(state):
    return json.dumps({"format": "ivif-bench-state/1", "identity": {}, "state": state})


def test_the_file_is_plain_safetensors(tmp_path):
    write_state_file(tmp_path / "s", {"net": {"w": torch.ones(2)}}, {})
    with safe_open(tmp_path / "s", "pt") as file:
        assert list(file.keys()) == ["net/w"]
