"""Everything that ``validate`` finds without computing, and that ``run`` stops at as well."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save
from small_runs import ivif, ivif_here, write_config, write_pairs

from ivif_bench.config import MethodConfig
from ivif_bench.data.demo import write_detection
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.pipeline.loading import load_all
from ivif_bench.weights import shipped_folder

COMMANDS = ("validate", "run")
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write_pairs(tmp_path / "pairs", 2, (176, 208))
    return tmp_path


def row(name: str, text: str) -> dict:
    """A method row whose options are YAML, as people write them."""
    return {"name": name, "options": yaml.safe_load(text)}


def refused(command: str, config: Path, *parts: str) -> None:
    """Exit code 2 and exactly one line that names file, key and what is wrong; nothing was fused."""
    done = ivif_here(command, config)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("ivif-bench: "), line
    for part in parts:
        assert part in line, line
    assert not list(config.parent.rglob("fused"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("laplacian", "{levels: four}", "levels: Input should be a valid integer, not 'four'"),
        ("laplacian", "{levels: 0}", "levels: Input should be greater than or equal to 1, not 0"),
        ("ddfm-lite", "{steps: 9999}", "steps: Input should be less than or equal to 1000"),
        ("ddfm-lite", "{steps: -1}", "steps: Input should be greater than or equal to 1, not -1"),
        ("ddfm-lite", "{steps: '8'}", "steps: Input should be a valid integer, not the text '8'"),
        ("ddfm-lite", "{steps: .nan}", "steps: Input should be a valid integer, not nan"),
        ("ddfm-lite", "{steps: true}", "steps: Input should be a valid integer, not True"),
        ("ddfm-lite", "{stpes: 8}", "stpes: unknown key; did you mean steps"),
    ],
)
def test_a_wrong_option_stops_both(small, command, name, options, says):
    methods = ["visible", "average", "max", row(name, options)]
    config = write_config(small, methods=methods)
    refused(command, config, "runs.yaml: methods.3.options.", says)
    assert not (small / "runs").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_dataset_option_stops_both(small, command):
    side = {"layout": "folder", "root": str(small / "pairs"), "options": {"visble": "vi"}}
    config = write_config(small, datasets={"pairs": side})
    refused(command, config, "datasets.pairs.options.visble: unknown key; did you mean visible?")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_is_not_here_stops_both(small, command):
    config = write_config(small, methods=["visible", row("dmnet-lite", "{device: cuda}")])
    done = ivif(command, config, variables=NO_GPU)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "methods.1" in line
    assert "device 'cuda', but there is no CUDA device here; use cpu" in line
    assert not list(small.rglob("fused"))


@pytest.mark.slow
def test_a_report_asks_for_no_device(small):
    """A run made on a GPU is reported on a machine without one."""
    config = write_config(small, methods=["average"])
    assert ivif("run", config).returncode == 0
    content = yaml.safe_load(config.read_text())
    assert ivif("report", config, variables=NO_GPU).returncode == 0
    content["methods"] = ["average", row("dmnet-lite", "{device: 'cuda:1'}")]
    config.write_text(yaml.safe_dump(content))
    assert ivif("report", config, variables=NO_GPU).returncode == 0


class Hostile:
    def __reduce__(self):
        return os.system, ("echo > was-run",)


def _header(**metadata: str) -> bytes:
    header = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(header)) + header


HOSTILE = {
    "empty": lambda good: b"",
    "pickle-with-code": lambda good: pickle.dumps({"a": Hostile()}),
    "truncated": lambda good: good[: len(good) // 2],
    "page-of-a-server": lambda good: b"<html>quota exceeded</html>",
    "header-of-2^62-bytes": lambda good: struct.pack("<Q", 2**62) + b"{}",
    "header-without-meaning": lambda good: _header(prior="3", dmnet="3"),
    "tensors-of-something-else": lambda good: save({"a": torch.zeros(2)}),
}


def _file(folder: Path, name: str, kind: str, suffix: str) -> Path:
    spec = METHODS.get(name)
    good = shipped_folder(spec) / spec.weights[0].name
    path = folder / f"{kind}{suffix}"
    path.write_bytes(HOSTILE[kind](good.read_bytes()))
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["ddfm-lite", "dmfuse-lite", "dmnet-lite"])
def test_hostile_weights_of_a_method_are_one_line_with_the_file(
    tmp_path, monkeypatch, name, kind, suffix
):
    monkeypatch.chdir(tmp_path)
    path = _file(tmp_path, name, kind, suffix)
    config = _config([MethodConfig(name=name, options={"weights": str(path)})])
    with pytest.raises(UserError, match=rf"^methods\.0: .*{path.name.replace('^', '.')}") as caught:
        load_all(config, lambda path: "", lambda text: None)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "was-run").exists()


def _config(methods):
    from ivif_bench.config import RunConfig

    return RunConfig(name="t", datasets={}, methods=tuple(methods))


@pytest.mark.parametrize("kind", ["empty", "pickle-with-code", "truncated"])
def test_validate_opens_the_weights_of_methods(small, kind):
    path = _file(
        small, "dmfuse-lite", kind, ".pt" if kind == "pickle-with-code" else ".safetensors"
    )
    config = write_config(small, methods=["visible", row("dmfuse-lite", f"{{weights: {path}}}")])
    refused("validate", config, "methods.1: ", path.name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["empty", "pickle-with-code", "truncated"])
def test_run_says_the_same_of_hostile_weights(small, kind):
    path = _file(
        small, "dmfuse-lite", kind, ".pt" if kind == "pickle-with-code" else ".safetensors"
    )
    config = write_config(small, methods=[row("dmfuse-lite", f"{{weights: {path}}}")])
    done = ivif("run", config, cwd=small)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ivif-bench: ")]
    assert path.name in line
    assert "Traceback" not in done.stdout + done.stderr
    assert not (small / "was-run").exists()


@pytest.mark.parametrize("kind", ["empty", "pickle-with-code"])
def test_validate_opens_the_weights_of_detectors(tmp_path, kind):
    write_detection(tmp_path / "m3fd", train=2, test=2, seed=3)
    path = tmp_path / "yolov5x.pt"
    path.write_bytes(HOSTILE[kind](b""))
    content = {
        "name": "det",
        "runs": str(tmp_path / "runs"),
        "datasets": {"m": {"layout": "m3fd", "root": str(tmp_path / "m3fd")}},
        "methods": ["visible"],
        "detection": {
            "dataset": "m",
            "protocol": "m3fd-det-original-zeroshot.v1",
            "split": "official",
            "weights": str(path),
        },
    }
    config = tmp_path / "det.yaml"
    config.write_text(yaml.safe_dump(content))
    refused("validate", config, "detection: ", "yolov5x.pt")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.slow
def test_validate_loads_every_network_of_the_demo_and_writes_nothing(tmp_path, repository):
    config = tmp_path / "demo.yaml"
    config.write_text((repository / "configs" / "demo.yaml").read_text())
    done = ivif("validate", config, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in ("methods.7 dmnet-lite: ok", "quality.1: ok", "detection: ok", "segmentation: ok"):
        assert line in done.stdout.splitlines()
    assert [path.name for path in tmp_path.iterdir()] == ["demo.yaml"]
