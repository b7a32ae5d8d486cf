"""Runs whose methods lack their weights: all are named, and left out only when asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_runs import ivif_here, write_config, write_pairs

from ivif_bench.config_reading import load_config, parse_config
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models.compared.method import ComparedOptions
from ivif_bench.pipeline.absent import absent_weights, without_absent
from ivif_bench.pipeline.run import run


def _config(folder, *methods):
    content = {
        "name": "lacking",
        "runs": str(folder),
        "datasets": {"none": {"layout": "folder", "root": str(folder / "none")}},
        "methods": list(methods),
    }
    content["quality"] = {"dataset": "none"}
    return parse_config(content)


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "weights"))


def test_a_run_names_every_method_that_lacks_weights_before_it_reads_anything(tmp_path):
    with pytest.raises(UserError) as refused:
        run(_config(tmp_path, "average", "sdnet", "tardal-plus", "dmnet-lite"))
    said = str(refused.value)
    assert METHODS.get("sdnet").weights[0].original_sha256 in said
    assert "missing too: the weights of tardal-plus;" in said
    assert "--skip-missing" in said
    assert "dmnet-lite" not in said


def test_skipping_leaves_out_those_rows_only_and_says_so(tmp_path):
    said: list[str] = []
    config = _config(tmp_path, "average", {"name": "other", "type": "tardal"}, "dmnet-lite")
    left = without_absent(config, said.append)
    assert [method.name for method in left.methods] == ["average", "dmnet-lite"]
    assert len(said) == 1
    assert said[0].startswith("left out: method 'other': tardal: no weights file")


def test_a_file_that_an_option_names_is_never_skipped(tmp_path):
    row = {"name": "tardal", "options": {"weights": str(tmp_path / "absent.pt")}}
    left = without_absent(_config(tmp_path, row), lambda text: None)
    assert [method.name for method in left.methods] == ["tardal"]


def test_nothing_left_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no method is left"):
        without_absent(_config(tmp_path, "sdnet"), lambda text: None)


def test_the_command_line_refuses_and_skips(tmp_path):
    write_pairs(tmp_path / "pairs", 1, (176, 208))
    config = write_config(tmp_path, methods=["average", "sdnet", "reconet"])
    refused = ivif_here("run", config)
    assert refused.returncode == 2
    assert "missing too: the weights of reconet" in refused.stderr
    done = ivif_here("run", config, "--skip-missing", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fused"] == 1
    assert done.stderr.count("left out: method") == 2


def test_the_shipped_configurations_have_every_method_of_others_and_name_what_is_absent():
    folder = Path(__file__).parents[3] / "configs"
    published = {
        name for name, spec in METHODS.specs().items() if issubclass(spec.options, ComparedOptions)
    }
    compared = load_config(folder / "compared.yaml")
    assert published <= {method.type for method in compared.methods}
    needing = {method.name for method in compared.methods if method.type in published}
    assert set(absent_weights(compared)) == needing
    medical = load_config(folder / "medical.yaml")
    assert set(medical.datasets) == {"ct-mri", "pet-mri", "spect-mri"}
    assert {m.name for m in medical.methods} - set(absent_weights(medical)) >= {"average-stretched"}
