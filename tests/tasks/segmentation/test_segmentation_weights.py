"""Initial weights: files are read as data, never run, and mistakes are named."""

from __future__ import annotations

import pickle

import pytest

from ivif_bench.errors import UserError
from ivif_bench.tasks.network.weights import weights_file
from ivif_bench.tasks.segmentation.protocol import load_protocol
from ivif_bench.tensors import read_tensors

torch = pytest.importorskip("torch")


class Trap:
    """Runs a command when unpickled by a careless loader."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        import os

        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("how", ["torch", "pickle", "nested"])
def test_a_hostile_checkpoint_is_refused_and_nothing_in_it_runs(tmp_path, how):
    marker, path = tmp_path / "executed", tmp_path / "weights.pth"
    content = Trap(marker)
    if how == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        state = {"backbone.weight": torch.zeros(2), "x": content}
        torch.save({"state_dict": state} if how == "nested" else content, path)
    with pytest.raises(UserError, match=r"refused to load weights .*weights\.pth") as caught:
        read_tensors(path)
    assert not marker.exists()
    assert "\n" not in str(caught.value)


def test_plain_pth_mmengine_layout_and_safetensors_hold_the_same_tensors(tmp_path):
    from safetensors.torch import save_file

    state = {"backbone.a": torch.arange(3.0), "decode_head.b": torch.ones(2, 2)}
    torch.save(state, tmp_path / "plain.pth")
    torch.save({"meta": {"epoch": 3}, "state_dict": state}, tmp_path / "mmengine.pth")
    save_file(state, tmp_path / "safe.safetensors")
    for name in ("plain.pth", "mmengine.pth", "safe.safetensors"):
        found = read_tensors(tmp_path / name)
        assert sorted(found) == sorted(state)
        assert all(torch.equal(found[key], state[key]) for key in state)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_garbage_is_a_user_error(tmp_path, name):
    path = tmp_path / name
    for data in (b"", b"not a checkpoint", b"PK\x03\x04 broken zip"):
        path.write_bytes(data)
        with pytest.raises(UserError):
            read_tensors(path)


def test_a_file_without_names_is_refused(tmp_path):
    path = tmp_path / "list.pth"
    torch.save([torch.zeros(2)], path)
    with pytest.raises(UserError, match="names to tensors"):
        read_tensors(path)


def test_initial_names_scratch_shipped_or_a_file(tmp_path):
    def named(initial):
        return weights_file(load_protocol("demo-seg.v1").override(initial=initial))

    assert named("scratch") is None
    with pytest.raises(UserError, match="shipped"):
        named("shipped:no-such-weights")
    with pytest.raises(UserError, match="no such weights file"):
        named(str(tmp_path / "gone.safetensors"))
    with pytest.raises(UserError, match="scratch"):
        named("imagenet")
