"""Device names: what is taken, what is refused, and float32 that cuDNN does not shorten."""

from __future__ import annotations

import pytest
import torch

from bench.device import device_of, strict_float32
from bench.errors import UserError


def test_known_names():
    assert device_of("cpu", "x") == torch.device("cpu")
    assert device_of("auto", "x").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["abacus", "mps", "meta", "cuda:99"])
def test_others_are_refused_with_who_asked(name):
    with pytest.raises(UserError, match=f"ddfm-lite: .*{name}"):
        device_of(name, "ddfm-lite")


def test_each_process_of_a_launcher_has_its_own_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("cuda", "x") == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device_of("cuda", "x") == torch.device("cuda:1")
    assert device_of("cuda:0", "x") == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UserError, match="CUDA devices here are 0 to 1"):
        device_of("cuda", "x")


def test_strict_float32_switches_tf32_off_and_back():
    before = torch.backends.cudnn.allow_tf32
    with strict_float32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before
