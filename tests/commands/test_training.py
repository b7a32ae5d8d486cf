"""``ivif-bench train`` and ``ivif-bench weights`` as people use them."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import threading
import time
from dataclasses import replace
from functools import partial

import pytest
import torch
from ddfm_files import randomised
from safetensors import safe_open
from safetensors.torch import load_file
from small_runs import command, ivif, write_pairs
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models.ddfm.convert import adm_parts
from ivif_bench.fusion_models.ddfm.prior import adm_shape

RUN = CliRunner()


@pytest.fixture
def pairs(tmp_path):
    write_pairs(tmp_path / "pairs", 6, (80, 96))
    return tmp_path / "pairs"


def _train(pairs, out, *more):
    arguments = ["train", "ddfm", "--preset", "tiny", "--data", str(pairs), "--out", str(out)]
    result = RUN.invoke(app, [*arguments, *more])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.slow
def test_trained_weights_run_as_ddfm_lite_and_say_how_they_were_made(pairs, tmp_path):
    from ivif_bench.fusion_models.ddfm.method import DDFMLite

    result = _train(pairs, tmp_path / "out", "--steps", "10", "--option", "batch=2")
    weights = tmp_path / "out" / "prior.safetensors"
    assert f"wrote {weights}" in result.output
    with safe_open(weights, "pt") as file:
        about = json.loads(file.metadata()["prior"])
    assert about["settings"]["batch"] == 2
    assert about["settings"]["steps"] == 10
    assert about["data"]["training_pairs"] == {"pairs": 6}
    assert all(value.dtype == torch.float16 for value in load_file(weights).values())
    image = torch.rand(1, 4, 32, 40)
    fused = DDFMLite(weights=str(weights), steps=2).fuse(image[:, :1], image[:, 1:], [0])
    assert fused.shape == (1, 1, 32, 40)
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert "validation mean" in log[-1]
    assert list((tmp_path / "out" / "samples").glob("*.png"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--option", "batches=2"], "did you mean batch"),
        (["--option", "batch=0"], "batch: Input should be greater than or equal to 1"),
        (["--option", "precision=fp8"], "precision: Input should be 'fp32' or 'bf16'"),
        (["--device", "abacus"], "unknown device 'abacus'"),
        (["--preset", "large"], "unknown preset 'large'"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(pairs, tmp_path, more, message):
    with pytest.raises(UserError, match=message):
        _train(pairs, tmp_path / "out", *more)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_and_resumed_gives_the_weights_of_an_uninterrupted_training(pairs, tmp_path):
    settings = ["--steps", "40", "--option", "batch=2"]  # a checkpoint after 25
    arguments = ["train", "ddfm", "--preset", "tiny", "--data", pairs, *settings]
    whole = ivif(*arguments, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    killed = subprocess.Popen(command(*arguments, "--out", tmp_path / "killed"))
    deadline = time.monotonic() + 200
    while not (tmp_path / "killed" / "checkpoint.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "prior.safetensors").exists()
    again = ivif(*arguments, "--out", tmp_path / "killed", "--resume")
    assert again.returncode == 0, again.stderr
    first, second = (
        load_file(tmp_path / kind / "prior.safetensors") for kind in ("whole", "killed")
    )
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_trainings_are_listed():
    assert "unconditional diffusion prior" in RUN.invoke(app, ["list", "trainings"]).output


def test_weights_list_says_what_is_here_and_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path))
    output = RUN.invoke(app, ["weights", "list"]).output
    assert "ddfm: no weights file" in output
    assert "ddfm-lite: " in output


@pytest.mark.slow
def test_weights_convert_writes_what_ddfm_reads(monkeypatch, tmp_path):
    from ivif_bench.fusion_models.ddfm.prior import load_prior

    small = adm_shape(width=32, head=16)
    monkeypatch.setattr("ivif_bench.fusion_models.ddfm.convert.ADM", small)
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path))
    state = {name: torch.rand(part.shape) for name, part in adm_parts(small).items()}
    torch.save(state, tmp_path / "official.pt")
    result = RUN.invoke(app, ["weights", "convert", "ddfm", str(tmp_path / "official.pt")])
    assert result.exit_code == 0, result.output
    network, _ = load_prior(tmp_path / "ddfm-adm256.safetensors")
    assert torch.equal(network.state_dict()["conv_in.weight"], state["input_blocks.0.0.weight"])


@pytest.mark.slow
def test_weights_fetch_downloads_checks_and_converts(monkeypatch, tmp_path):
    """The whole way, from a server to a file that loads."""
    from ivif_bench.fusion_models.ddfm.prior import load_prior

    small = adm_shape(width=32, head=16)
    monkeypatch.setattr("ivif_bench.fusion_models.ddfm.convert.ADM", small)
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "cache"))
    state = {name: torch.rand(part.shape) for name, part in adm_parts(small).items()}
    (tmp_path / "web").mkdir()
    torch.save(state, tmp_path / "web" / "official.pt")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        spec = METHODS.get("ddfm")
        url = f"http://127.0.0.1:{server.server_port}/official.pt"
        file = replace(spec.weights[0], original="official.pt", url=url)
        monkeypatch.setattr(METHODS, "get", lambda name: replace(spec, weights=(file,)))
        refused = RUN.invoke(app, ["weights", "fetch", "ddfm"])
        assert isinstance(refused.exception, UserError)
        assert "--unchecked" in str(refused.exception)
        assert not (tmp_path / "cache").exists()
        result = RUN.invoke(app, ["weights", "fetch", "ddfm", "--unchecked"])
        server.shutdown()
    assert result.exit_code == 0, result.output
    assert "not checked, because of --unchecked" in result.output
    network, _ = load_prior(tmp_path / "cache" / "ddfm-adm256.safetensors")
    assert torch.equal(network.state_dict()["conv_out.bias"], state["out.2.bias"])


def test_weights_without_anything_to_do_say_so():
    for arguments in (["fetch", "average"], ["convert", "average", "x.pt"]):
        with pytest.raises(UserError, match=r"no weights to download|need no conversion"):
            raise RUN.invoke(app, ["weights", *arguments]).exception


def test_randomised_helper_leaves_no_layer_at_zero():
    assert all(bool(v.abs().sum() > 0) for v in randomised(adm_shape(32, 16)).values())
