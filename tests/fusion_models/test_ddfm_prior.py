"""OpenAI's checkpoint as a diffusers network: every name and shape, and the numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from ddfm_files import randomised, write_prior
from golden_weights import rule_state

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.ddfm.convert import adm_parts, convert_file, convert_state
from ivif_bench.fusion_models.ddfm.prior import ADM, TINY, adm_shape, build, load_prior

SMALL = adm_shape(width=32, head=16)


@pytest.fixture(scope="module")
def recorded(shared):
    return np.load(shared / "golden" / "methods" / "adm_unet.npz")


@pytest.fixture(scope="module")
def official_state(shared):
    """The recorder's small ADM network, with the official names."""
    return rule_state(shared / "golden" / "methods" / "keys_adm_tiny.json")


@pytest.fixture(scope="module")
def converted_network(official_state):
    network = build(SMALL).eval()
    network.load_state_dict(convert_state(official_state, SMALL))
    return network


def _meta_state(shape):
    return {name: torch.empty(part.shape, device="meta") for name, part in adm_parts(shape).items()}


def test_full_size_checkpoint_has_the_expected_names_shapes_and_count(shared):
    listed = json.loads((shared / "facts" / "keys" / "adm256_uncond_expected.json").read_text())
    parts = adm_parts(ADM)
    assert {name: tuple(shape) for name, shape in listed.items()} == {
        name: part.shape for name, part in parts.items()
    }
    assert sum(int(np.prod(part.shape)) for part in parts.values()) == 552_814_086


@pytest.mark.slow
def test_full_size_checkpoint_converts_onto_the_network():
    with torch.device("meta"):
        network = build(ADM)
    network.load_state_dict(convert_state(_meta_state(ADM), ADM), assign=True)
    assert sum(p.numel() for p in network.parameters()) == 552_814_086


def test_every_dropped_or_renamed_tensor_is_refused_by_name(monkeypatch):
    parts = adm_parts(SMALL)
    monkeypatch.setattr("ivif_bench.fusion_models.ddfm.convert.adm_parts", lambda shape: parts)
    state = _meta_state(SMALL)
    assert len(state) == 566
    for name in sorted(state):
        value = state.pop(name)
        with pytest.raises(UserError, match=rf"1 tensors are missing: {re.escape(name)}$"):
            convert_state(state, SMALL)
        state[f"{name}.other"] = value
        with pytest.raises(UserError, match=rf"1 tensors are missing: {re.escape(name)}$"):
            convert_state(state, SMALL)
        state[name] = value
        with pytest.raises(UserError, match=rf"1 tensors are unknown: {re.escape(name)}\.other$"):
            convert_state(state, SMALL)
        del state[f"{name}.other"]


def test_a_tensor_of_another_shape_is_refused_by_name():
    state = _meta_state(SMALL)
    state["out.2.weight"] = torch.empty((3, 32, 3, 3), device="meta")
    with pytest.raises(UserError, match=r"out\.2\.weight has shape \(3, 32, 3, 3\), expected \(6,"):
        convert_state(state, SMALL)


@pytest.mark.golden
@pytest.mark.parametrize("case", ["0", "1"])
def test_small_network_gives_the_recorded_output(recorded, converted_network, case):
    kept = {}
    hooks = [
        converted_network.mid_block.register_forward_hook(lambda m, i, o: kept.update(mid=o)),
        converted_network.down_blocks[3]
        .attentions[1]
        .register_forward_hook(lambda m, i, o: kept.update(in11=o)),
        converted_network.time_embedding.register_forward_hook(lambda m, i, o: kept.update(emb=o)),
    ]
    times = torch.from_numpy(recorded["t"])
    with torch.no_grad():
        y = converted_network(torch.from_numpy(recorded[f"x{case}"]), times).sample
    for hook in hooks:
        hook.remove()
    np.testing.assert_allclose(y.numpy(), recorded[f"y{case}"], atol=2e-5)
    np.testing.assert_allclose(kept["mid"].numpy(), recorded[f"mid{case}"], atol=5e-5)
    np.testing.assert_allclose(kept["in11"].numpy(), recorded[f"in11_{case}"], atol=5e-5)
    np.testing.assert_allclose(kept["emb"].numpy(), recorded["emb"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.golden
def test_cutting_qkv_into_thirds_gives_another_network(recorded, official_state):
    """The control: the wrong order must be seen, and by as much as was recorded."""
    state = convert_state(official_state, SMALL)
    for name, part in adm_parts(SMALL).items():
        if len(part.targets) == 3:
            thirds = official_state[name].chunk(3)
            for target, third in zip(part.targets, thirds, strict=True):
                state[target] = third.reshape(state[target].shape)
    network = build(SMALL).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        y = network(torch.from_numpy(recorded["x0"]), torch.from_numpy(recorded["t"])).sample
    difference = np.abs(y.numpy() - recorded["y0"]).max()
    assert difference == pytest.approx(float(recorded["neg_new_order_maxdiff0"]), rel=1e-3)


@pytest.mark.slow
def test_checkpoint_file_becomes_a_prior_that_loads(tmp_path, monkeypatch, official_state):
    monkeypatch.setattr("ivif_bench.fusion_models.ddfm.convert.ADM", SMALL)
    torch.save(official_state, tmp_path / "official.pt")
    convert_file(tmp_path / "official.pt", tmp_path / "made" / "prior.safetensors")
    network, stride = load_prior(tmp_path / "made" / "prior.safetensors")
    assert stride == 32
    expected = convert_state(official_state, SMALL)
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (print, ("this must never be printed",))

    torch.save({"time_embed.0.weight": Harmful()}, tmp_path / "harmful.pt")
    with pytest.raises(UserError, match="never loaded"):
        convert_file(tmp_path / "harmful.pt", tmp_path / "prior.safetensors")
    assert not (tmp_path / "prior.safetensors").exists()


def test_a_prior_with_a_missing_or_foreign_tensor_is_refused_by_name(tmp_path):
    state = randomised(TINY)
    dropped = {name: value for name, value in state.items() if name != "conv_in.bias"}
    with pytest.raises(UserError, match=r"conv_in\.bias"):
        load_prior(write_prior(tmp_path / "dropped.safetensors", TINY, dropped))
    extra = write_prior(tmp_path / "extra.safetensors", TINY, {**state, "foreign": torch.zeros(1)})
    with pytest.raises(UserError, match="foreign"):
        load_prior(extra)


def test_a_file_that_is_no_prior_says_how_to_make_one(tmp_path):
    (tmp_path / "some.pt").write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="weights convert ddfm FILE"):
        load_prior(tmp_path / "some.pt")
