"""Device names: what is taken, what is refused, and float32 that cuDNN does not shorten."""

from __future__ import annotations

import pytest
import torch

from ivif_bench.device import device_of, strict_float32
from ivif_bench.errors import UserError


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


def _precisions():
    """Everything that decides how float32 is computed, as torch reads it for each operation."""
    backends = torch.backends
    return {
        "convolutions": backends.cudnn.conv.fp32_precision,
        "recurrent": backends.cudnn.rnn.fp32_precision,
        "products": backends.cuda.matmul.fp32_precision,
        "CPU products": backends.mkldnn.matmul.fp32_precision,
        "CPU convolutions": backends.mkldnn.conv.fp32_precision,
        "deterministic": backends.cudnn.deterministic,
        "benchmark": backends.cudnn.benchmark,
    }


def _nothing():
    pass


def _all_products():
    torch.set_float32_matmul_precision("medium")


def _products_by_the_new_setting():
    torch.backends.cuda.matmul.fp32_precision = "tf32"


def _products_by_the_old_setting():
    torch.backends.cuda.matmul.allow_tf32 = True


def _everything():
    torch.backends.fp32_precision = "tf32"


@pytest.fixture
def _default_precision():
    yield
    torch.backends.fp32_precision = "none"
    torch.backends.cudnn.fp32_precision = "none"
    torch.set_float32_matmul_precision("highest")
    for operation in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul):
        operation.fp32_precision = "none"
    torch.backends.mkldnn.conv.fp32_precision = "none"


@pytest.mark.usefixtures("_default_precision")
@pytest.mark.parametrize(
    "shorten",
    [
        _nothing,
        _all_products,
        _products_by_the_new_setting,
        _products_by_the_old_setting,
        _everything,
    ],
)
def test_strict_float32_shortens_nothing_whatever_was_set_and_puts_it_back(shorten):
    shorten()
    before = _precisions()
    assert before["convolutions"] == "tf32"  # torch's default
    with strict_float32():
        assert _precisions() == dict.fromkeys(before, "ieee") | {
            "deterministic": True,
            "benchmark": False,
        }
        # The older settings can be read as well, by libraries that know no others.
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.get_float32_matmul_precision() == "highest"
    assert _precisions() == before
    with pytest.raises(KeyboardInterrupt), strict_float32():
        raise KeyboardInterrupt
    assert _precisions() == before
