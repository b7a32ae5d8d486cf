"""The snippets of docs/clusters.md: configurations load, commands take their options, scripts parse."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.config_reading import parse_config
from ivif_bench.pipeline.executors.base import EXECUTORS
from ivif_bench.task import TASKS

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"ivif-bench (run|plan|list) [^\n#]*")


@pytest.fixture(scope="module")
def snippets(repository: Path) -> list[tuple[str, str]]:
    """Language and text of every snippet."""
    return FENCE.findall((repository / "docs" / "clusters.md").read_text())


def _yaml(snippets) -> list[dict]:
    return [yaml.safe_load(text) for language, text in snippets if language == "yaml"]


def test_configurations_of_executors_load(snippets, tmp_path):
    found = [each["executor"] for each in _yaml(snippets) if "executor" in each]
    assert len(found) == 3
    for executor in found:
        config = parse_config({"name": "x", "datasets": {}, "methods": [], "executor": executor})
        assert config.executor.name in EXECUTORS.specs()


def test_the_section_of_a_training_is_one(snippets):
    (section,) = [each["detection"] for each in _yaml(snippets) if "detection" in each]
    parsed = TASKS.load("detection").section.model_validate(section)
    assert (parsed.gpus, parsed.resolved().seeds) == (2, (0, 1, 2))


def test_commands_name_options_that_exist(snippets, repository, monkeypatch):
    text = "\n".join(text for _, text in snippets)
    lines = [found.group().replace("\\\n", " ") for found in OURS.finditer(text)]
    assert len(lines) >= 8
    helps = {}
    for line in lines:
        _, command, *rest = shlex.split(line.replace('"', ""))
        if command not in helps:
            helps[command] = (
                CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
            )
        for word in rest:
            if word.startswith("-"):
                assert re.search(rf"{word}\b", helps[command]), f"{command} has no {word}"
            if word.startswith(("ray,", "slurm,")):
                name, *settings = word.split(",")
                keys = [setting.partition("=")[0] for setting in settings]
                assert set(keys) <= set(EXECUTORS.get(name).options.model_fields)
            if word.startswith("configs/"):
                assert (repository / word).is_file()


def test_scripts_are_well_formed(snippets):
    for language, text in snippets:
        if language == "bash":
            done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
            assert done.returncode == 0, done.stderr


def test_the_job_of_kubernetes_has_nodes_that_differ_only_in_their_gpus(snippets):
    (job,) = [each for each in _yaml(snippets) if each.get("kind") == "RayJob"]
    cluster = job["spec"]["rayClusterSpec"]
    head, worker = cluster["headGroupSpec"], cluster["workerGroupSpecs"][0]
    (first,) = head["template"]["spec"]["containers"]
    (other,) = worker["template"]["spec"]["containers"]
    assert other["resources"]["limits"].pop("nvidia.com/gpu") == "1"
    assert first == other
    assert head["template"]["spec"]["volumes"] == worker["template"]["spec"]["volumes"]
    assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in first["env"]


@pytest.mark.slow
def test_rays_commands_have_the_options_of_the_page(snippets):
    pytest.importorskip("ray")
    ray = shutil.which("ray", path=str(Path(sys.executable).parent))
    text = "\n".join(text for language, text in snippets if language == "bash")
    known = {}
    for command in ("start", "symmetric-run"):
        done = subprocess.run([ray, command, "--help"], capture_output=True, text=True, check=True)
        known[command] = set(re.findall(r"--[\w-]+", done.stdout))
    known["symmetric-run"] |= known["start"]
    for line in re.findall(r"ray (start|symmetric-run) ([^\n#]*(?:\\\n[^\n#]*)?)", text):
        options = set(re.findall(r"--[a-z][\w-]*", line[1].partition(" -- ")[0]))
        assert options
        assert options <= known[line[0]], options - known[line[0]]
