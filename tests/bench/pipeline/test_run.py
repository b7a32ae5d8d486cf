"""What a run keeps, what it redoes, and what it refuses before it starts."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest
import yaml
from in_process import InProcess
from small_runs import ivif, ivif_here, write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError
from ivif_bench.pipeline import run as pipeline
from ivif_bench.pipeline.executors import local
from ivif_bench.pipeline.run import Listener


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with three pairs of 176 x 208."""
    write_pairs(tmp_path / "pairs", 3, (176, 208))
    return tmp_path


def _run(config: Path, processes: bool = False, **options):
    """A run in this process, where it is not about processes: those take seconds each."""
    executor = local.LocalExecutor if processes else InProcess
    with mock.patch.object(local, "LocalExecutor", executor):
        return pipeline.run(load_config(config), workers=2, **options)


@pytest.mark.slow
def test_what_is_damaged_is_made_again_and_nothing_else(small):
    config = write_config(small, methods=["average"])
    assert _run(config, processes=True).fused == 3
    root = small / "runs" / "small"
    image = next(root.glob("fused/pairs/*/00001.png"))
    whole = image.read_bytes()
    image.write_bytes(whole[:-20])
    again = _run(config)
    assert (again.fused, again.computed, again.reused) == (1, 0, 1)
    assert image.read_bytes() == whole
    table = next(root.glob("results/**/*.parquet"))
    table.write_bytes(table.read_bytes()[:-7])
    assert _run(config).computed == 1
    (root / "report" / "tables.md").unlink()
    assert "tables.md" in [path.name for path in _run(config).report]
    assert _run(config).report == ()


def test_tables_are_written_again_when_a_result_changes_under_its_name(small):
    config = write_config(small, methods=["average"])
    _run(config)
    root = small / "runs" / "small"
    tables = root / "report" / "tables.md"
    (beside,) = root.glob("results/**/*.json")
    said = json.loads(beside.read_text())
    # The same result, made again elsewhere: same file names, same size of the records.
    beside.write_text(json.dumps(said | {"commit": "badcafe012345678"}))
    assert "badcafe" not in tables.read_text()
    again = _run(config)
    assert (again.fused, again.computed, again.reused) == (0, 0, 1)
    assert "Commit badcafe;" in tables.read_text()
    assert _run(config).report == ()


def test_a_changed_source_image_redoes_its_own_results_only(small):
    config = write_config(small, methods=["average", "max"])
    _run(config)
    write_pairs(small / "other", 3, (176, 208), seed=5)
    (small / "pairs" / "ir" / "00002.png").write_bytes(
        (small / "other" / "ir" / "00002.png").read_bytes()
    )
    again = _run(config)
    assert (again.fused, again.computed) == (2, 2)


def test_options_of_a_method_are_part_of_its_images(small):
    def row(levels: int):
        return [{"name": "lap", "type": "laplacian", "options": {"levels": levels}}]

    _run(write_config(small, methods=row(2)))
    assert _run(write_config(small, methods=row(3))).fused == 3
    assert _run(write_config(small, methods=row(2))).fused == 0


def test_results_of_rows_that_are_gone_leave_the_plan(small):
    _run(write_config(small, methods=["average", "max"]))
    _run(write_config(small, methods=["average"]))
    plan = json.loads((small / "runs" / "small" / "plan.json").read_text())
    assert [unit["method"] for unit in plan["units"]] == ["average"]
    assert "Maximum" not in (small / "runs" / "small" / "report" / "tables.md").read_text()


def test_fusing_alone_keeps_the_results_that_are_there(small):
    config = write_config(small, methods=["average"])
    _run(config)
    _run(config, tasks=())
    plan = json.loads((small / "runs" / "small" / "plan.json").read_text())
    assert len(plan["units"]) == 1


def test_precomputed_images_that_belong_to_no_pair_are_named(small):
    write_pairs(small / "mine", 5, (176, 208))
    row = {"name": "mine", "type": "precomputed", "options": {"root": f"{small}/mine/ir"}}
    notes: list[str] = []

    class Listening(Listener):
        def note(self, text: str) -> None:
            notes.append(text)

    _run(write_config(small, methods=[row]), listener=Listening())
    assert any(
        "2 images do not belong to a pair" in text and "00003, 00004" in text for text in notes
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"report": {"formats": ["latx"]}}, "did you mean latex"),
        ({"name": ".."}, "name: String should match pattern"),
        ({"methods": [{"name": "../evil", "type": "max"}]}, "'../evil' is not a valid name"),
        (
            {"methods": [{"name": "a b", "type": "max"}, {"name": "a_b", "type": "max"}]},
            "would share the folder",
        ),
        (
            {"methods": [{"name": "m", "type": "precomputed", "options": {"root": 5}}]},
            r"methods\.0\.options\.root: must be a pattern",
        ),
        (
            {"methods": [{"name": "laplacian", "options": {"levels": 0}}]},
            r"options\.levels: Input should be",
        ),
    ],
)
def test_what_can_be_known_is_refused_before_anything_is_written(small, changes, message):
    config = write_config(small, **changes)
    with pytest.raises(UserError, match=message):
        _run(config)
    assert not list(small.rglob("*.part"))
    assert not list((small / "runs").rglob("*.parquet"))


def test_a_folder_that_cannot_be_written_is_one_line(small):
    (small / "blocked").write_text("a file where the run directory should be")
    done = ivif("run", write_config(small, "blocked"))
    assert done.returncode == 2
    # with PROCESSOR=generic, OpenCV names each feature to be left out that the processor has not
    lines = [line for line in done.stderr.splitlines() if not line.startswith("OPENCV: ")]
    assert len(lines) == 1
    assert lines[0].startswith("ivif-bench:")


def test_an_audit_with_a_split_lists_defects_instead_of_stopping_at_the_first(tmp_path):
    from ivif_bench.data.demo import write_segmentation

    write_segmentation(tmp_path / "msrs", train=2, test=2, seed=1)
    next((tmp_path / "msrs" / "test" / "vi").iterdir()).unlink()
    where = ("--root", tmp_path / "msrs", "--memory", tmp_path / "memory")
    done = ivif_here("data", "audit", "msrs", *where, "--split", "official")
    assert done.returncode == 1, done.stderr
    assert "error:" in done.stdout
    assert "1 errors" in done.stdout


def test_the_written_configuration_runs_again(small):
    config = write_config(small, methods=["average"])
    _run(config)
    written = small / "runs" / "small" / "config.yaml"
    assert yaml.safe_load(written.read_text())["methods"][0]["name"] == "average"
    again = _run(written)
    assert (again.fused, again.computed) == (0, 0)
