"""``run`` and ``load_run``: what the command line does, and what a run directory holds."""

from __future__ import annotations

import json
import logging

import pyarrow.parquet as pq
import pytest
import yaml
from in_process import InProcess
from small_runs import ivif

import ivif_bench
from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError
from ivif_bench.pipeline.executors import local

METRICS = ["EN", "SD", "SCD"]


@pytest.fixture
def config(small):
    return {
        "name": "small",
        "runs": small / "runs",
        "datasets": {"pairs": {"layout": "folder", "root": small / "pairs"}},
        "methods": ["visible", "average"],
        "quality": {"dataset": "pairs", "metrics": METRICS},
        "report": {"panels": 0},
    }


def test_a_mapping_with_paths_runs_and_is_read_back(config, small):
    done = ivif_bench.run(config)
    assert (done.summary.fused, done.summary.computed, done.summary.reused) == (6, 2, 0)
    assert done.folder == small / "runs" / "small"
    assert done.missing == ()
    assert repr(done) == f"<Run {str(done.folder)!r}: 2 of 2 results>"
    text = (done.folder / "report" / "tables.md").read_text()
    assert list(done.tables) == ["quality-pairs"]
    assert done.tables["quality-pairs"] in text


@pytest.mark.slow
def test_a_file_and_a_mapping_and_the_command_line_are_one_run(config, small):
    plain = {**config, "runs": str(config["runs"])}
    plain["datasets"] = {"pairs": {"layout": "folder", "root": "${PAIRS:-pairs}"}}
    (small / "run.yaml").write_text(yaml.safe_dump(plain))
    assert ivif_bench.run(small / "run.yaml").summary.computed == 2
    assert ivif_bench.run(config).summary.reused == 2
    assert ivif_bench.run(plain).summary.reused == 2
    assert ivif_bench.run(load_config(small / "run.yaml")).summary.reused == 2
    said = json.loads(ivif("run", "run.yaml", "--json", cwd=small).stdout)
    assert (said["fused"], said["computed"], said["reused"]) == (0, 0, 2)


def test_records_and_provenance_are_what_the_files_say(config):
    done = ivif_bench.run(config)
    records, provenance = done.records, done.provenance
    assert len(records) == 2 * 3 * len(METRICS)
    for path in done.folder.glob("results/**/*.parquet"):
        beside = json.loads(path.with_suffix(".json").read_text())
        own = records[records["key"] == beside["key"]].reset_index(drop=True)
        stored = pq.read_table(path).to_pandas()
        assert own[stored.columns].equals(stored)
        (row,) = provenance[provenance["key"] == beside["key"]].to_dict("records")
        about = beside["what"]["about"]
        assert {name: row[name] for name in beside["what"]["unit"]} == beside["what"]["unit"]
        for name in ("commit", "device", "seconds", "finished", "versions"):
            assert row[name] == beside[name]
        assert (row["split"], row["split_sha256"]) == (about["split"], about["split_sha256"])
        assert row["images"] == 3
        assert row["earlier"] == ()
    assert set(records.loc[records["value"].isna(), "reason"]) == {"fused_equals_source"}


def test_a_run_that_is_not_finished_says_what_is_missing(config):
    done = ivif_bench.run(config)
    next(done.folder.glob("results/**/average-*.json")).unlink()
    for given in (done.folder, str(done.folder), config):
        found = ivif_bench.load_run(given)
        assert found.summary is None
        assert found.missing == ("quality pairs/average (quality-reference.v1, seed 0)",)
        assert set(found.records["method"]) == set(found.provenance["method"]) == {"visible"}


def test_without_any_result_the_frames_are_empty_and_have_their_columns(config):
    fused = ivif_bench.run(config, tasks=[])
    assert fused.summary.fused == 6
    assert len(fused.records) == len(fused.provenance) == 0
    assert {"metric", "key"} <= set(fused.records.columns)
    assert {"commit", "key"} <= set(fused.provenance.columns)
    assert fused.tables == {}


def test_a_split_takes_the_place_of_the_configurations(config, small):
    (small / "two.txt").write_text("00000\n00002\n")
    done = ivif_bench.run(config, split=small / "two.txt", tasks=["quality"])
    assert set(done.records["stem"]) == {"00000", "00002"}
    assert set(done.provenance["split"]) == {"two.txt"}


def test_what_failed_is_an_error_after_the_rest_is_done(config, monkeypatch):
    class OneFails(InProcess):
        def problem_of(self, job):
            if job.stage == "quality" and "visible" in job.label:
                return "the disk is full"
            return super().problem_of(job)

    monkeypatch.setattr(local, "LocalExecutor", OneFails)
    with pytest.raises(UserError, match=r"^1 units failed; .* empty: the disk is full$"):
        ivif_bench.run(config)
    found = ivif_bench.load_run(config)
    assert set(found.records["method"]) == {"average"}
    assert "| Average |" in (found.folder / "report" / "tables.md").read_text()


def test_progress_names_stage_job_and_step_and_notes_are_logged(config, caplog):
    told = []
    with caplog.at_level(logging.INFO, "ivif_bench"):
        ivif_bench.run(config, progress=lambda *step: told.append(step))
    assert (3, 3, "fusing, average: 00002") in told
    assert (3, 3, "quality, pairs/visible/quality-reference.v1/seed0: 00002") in told
    assert len(told) == 12
    assert "writing tables" in caplog.messages


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tasks": ["detection"]}, "run 'small' has no section 'detection'; add one"),
        ({"tasks": "quality"}, r"tasks: a list of names is expected, such as \['quality'\]"),
        ({"workers": 0}, "workers: must be at least 1, not 0"),
        ({"split": "oficial"}, "unknown split 'oficial'.*did you mean official"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_computed(config, given, message):
    with pytest.raises(UserError, match=message):
        ivif_bench.run(config, **given)
    assert not list(config["runs"].glob("*/fused"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "x", "datsets": {}}, "unknown key 'datsets'; did you mean datasets"),
        ("none.yaml", "cannot read configuration none.yaml"),
        ("pairs", "cannot read configuration pairs: Is a directory"),
    ],
)
def test_a_wrong_configuration_is_one_line(small, given, message):
    with pytest.raises(UserError, match=f"^{message}") as raised:
        ivif_bench.run(given)
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_no_run_is_refused(small):
    with pytest.raises(UserError, match=r"cannot read pairs/plan.json.*not a run directory yet"):
        ivif_bench.load_run("pairs")
