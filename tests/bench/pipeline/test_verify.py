"""``validate --verify`` reads every file; ``gc`` removes what no unit needs, and nothing else."""

from __future__ import annotations

import json
import shutil

import pytest
from small_runs import ivif, write_config, write_pairs

from ivif_bench import contents
from ivif_bench.store import once

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    write_pairs(folder / "pairs", 3, (64, 80))
    done = ivif("run", write_config(folder, "one"))
    assert done.returncode == 0, done.stderr
    once(folder / "one" / "small" / "checkpoints" / "net-0123456789abcdef", _make)
    return folder


def _make(folder) -> None:
    (folder / "weights.bin").write_bytes(b"trained")


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run, and its configuration."""
    shutil.copytree(finished / "one", tmp_path / "one")
    shutil.copytree(finished / "pairs", tmp_path / "pairs")
    return tmp_path / "one" / "small", write_config(tmp_path, "one")


def test_all_fits_after_a_run(run):
    _, config = run
    found = ivif("validate", config, "--verify")
    assert found.returncode == 0, found.stderr
    assert "9 fused images, 3 results and 1 checkpoints checked by their content" in found.stdout


def test_each_file_that_does_not_fit_is_named(run):
    folder, config = run
    image = next(folder.glob("fused/pairs/average-*/00001.png"))
    other = next(folder.glob("fused/pairs/laplacian-*/00001.png"))
    image.write_bytes(other.read_bytes())
    result = next(folder.glob("results/quality/pairs/visible-*.parquet"))
    data = bytearray(result.read_bytes())
    data[len(data) // 2] ^= 1
    result.write_bytes(data)
    weights = next(folder.glob("checkpoints/*/weights.bin"))
    weights.write_bytes(b"TRAINED")
    found = ivif("validate", config, "--verify")
    assert found.returncode == 2
    named = [line.partition(": ")[0] for line in found.stdout.splitlines()]
    for path in (image, result, weights):
        assert str(path) in named
    assert "3 files of the run do not fit" in found.stderr


def test_results_of_earlier_versions_are_said_to_have_no_hash(run):
    folder, config = run
    path = next(folder.glob("results/quality/pairs/visible-*.json"))
    said = json.loads(path.read_text())
    del said["what"]["sha256"]
    path.write_text(json.dumps(said))
    found = ivif("validate", config, "--verify")
    assert found.returncode == 0, found.stderr
    assert f"recorded no hash of {path.with_suffix('.parquet')}" in found.stdout


def test_gc_removes_what_is_not_needed_and_a_run_then_computes_nothing(run):
    folder, config = run
    nothing = ivif("gc", config)
    assert nothing.returncode == 0, nothing.stderr
    # the checkpoint of the fixture belongs to no unit
    assert "1 items" in nothing.stdout
    fewer = write_config(config.parent, "one", methods=["visible", "average"])
    images = next(folder.glob("fused/pairs/laplacian-*"))
    (images / "note.txt").write_text("mine")
    (images / "own.png").write_bytes(b"mine")
    (folder / "results" / "own.parquet").write_bytes(b"mine")
    (folder / "checkpoints" / "own-0123456789abcdef").mkdir()
    (folder / "checkpoints" / "own-0123456789abcdef" / "w").write_bytes(b"mine")
    before = {path for path in folder.rglob("*") if path.is_file()}
    listed = ivif("gc", fewer)
    assert "3 items" in listed.stdout
    assert before <= {path for path in folder.rglob("*") if path.is_file()}
    removed = ivif("gc", fewer, "--remove")
    assert removed.returncode == 0, removed.stderr
    gone = {str(path.relative_to(folder)) for path in before if not path.exists()}
    key = images.name.rpartition("-")[2]
    assert {name for name in gone if name.startswith("fused")} == {
        f"fused/pairs/laplacian-{key}/{name}"
        for name in ("00000.png", "00001.png", "00002.png", "checked.jsonl")
    }
    assert {name.partition("-")[0] for name in gone if name.startswith("results")} == {
        "results/quality/pairs/laplacian"
    }
    assert {name for name in gone if name.startswith("checkpoints")} == {
        f"checkpoints/net-0123456789abcdef/{name}"
        for name in ("weights.bin", "origins.json", ".contents.json")
    }
    assert not (folder / "checkpoints" / "net-0123456789abcdef").exists()
    assert {path.name for path in images.iterdir()} == {"note.txt", "own.png"}
    again = ivif("run", fewer)
    assert "0 images fused, 0 results computed, 2 already finished" in again.stderr
    assert "0 items" in ivif("gc", fewer).stdout


def test_gc_refuses_while_it_is_not_known_what_is_needed(run):
    _, config = run
    more = write_config(config.parent, "one", methods=["visible", "average", "max"])
    refused = ivif("gc", more, "--remove")
    assert refused.returncode == 2
    assert "images of max are still to be fused" in refused.stderr
    without = ivif("gc", write_config(config.parent, "two"))
    assert without.returncode == 2
    assert "no run directory" in without.stderr


def test_recorded_contents_are_those_of_the_folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"1")
    assert contents.misfits(tmp_path / "a") is None
    contents.record(tmp_path / "a")
    assert contents.misfits(tmp_path / "a") == []
    (tmp_path / "a" / "b" / "c").unlink()
    assert contents.misfits(tmp_path / "a") == ["b/c"]
