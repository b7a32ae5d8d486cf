"""Reading a run directory: what belongs to it, and clear words where it is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ivif_bench.errors import UserError
from ivif_bench.reports.frame import load_run
from ivif_bench.store import RECORD_SCHEMA, Store
from ivif_bench.types import About, Record, Unit

VALUES = {"EN": {"s1": 1.0, "s2": 2.0}}


def _fails(run: Path, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        load_run(run)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_reports_import_no_torch_and_no_task() -> None:
    code = (
        "import importlib, pkgutil, sys, ivif_bench.reports as reports\n"
        "for m in pkgutil.walk_packages(reports.__path__, 'ivif_bench.reports.'):\n"
        "    importlib.import_module(m.name)\n"
        "from ivif_bench.reports.formats import FORMATS; from ivif_bench.reports.tables import BUILDERS\n"
        "assert {'csv', 'latex', 'markdown'} <= set(FORMATS.specs())\n"
        "assert {'quality', 'detection', 'segmentation'} <= set(BUILDERS.specs())\n"
        "others = {'torch', 'ultralytics', 'mmseg', 'ivif_bench.tasks', 'ivif_bench.fusion_models'}\n"
        "heavy = others & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_tables_are_printed_without_pandas_scipy_matplotlib_or_rich(
    tmp_path: Path, new_run: Any
) -> None:
    """A finished run only prints its tables again; pandas alone would double the time of that."""
    builder = new_run(tmp_path)
    builder.quality("m", VALUES)
    builder.detection("m", {"Car": 0.5})
    code = (
        "import sys; from pathlib import Path\n"
        "from ivif_bench.reports.frame import load_run; from ivif_bench.reports.write import build_report\n"
        "from ivif_bench.reports.terminal import print_tables\n"
        f"print_tables(build_report(load_run(Path({str(builder.write())!r}))).tables)\n"
        "heavy = {'pandas', 'scipy', 'matplotlib', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert "Fusion quality on MSRS" in done.stdout


def test_methods_that_are_source_images_are_known(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.sources = ("visible",)
    builder.quality("visible", VALUES)
    builder.quality("ddfm", VALUES)
    assert load_run(builder.write()).sources == {"visible"}
    builder.write(methods=[{"name": "visible"}, {"name": "ddfm"}])
    assert load_run(tmp_path).sources == frozenset()


def test_results_written_by_the_store_are_read_back(tmp_path: Path) -> None:
    unit = Unit("quality", "msrs", "a/b", "reference", 3, "k" * 16, about=About(split="official"))
    store = Store(tmp_path)
    record = Record("msrs", "a/b", "quality", "reference", 3, "EN", 6.5, stem="s1")
    path = store.write_result(unit, [record], seconds=1.0)
    row = {n: getattr(unit, n) for n in ("task", "dataset", "method", "protocol", "seed", "key")}
    plan = {
        "name": "r",
        "methods": [{"name": "a/b", "title": "A and B"}],
        "units": [{**row, "result": str(path.relative_to(tmp_path))}],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    run = load_run(tmp_path)
    assert run.methods == {"a/b": "A and B"}
    assert run.frame[["stem", "metric", "value", "key"]].values.tolist() == [
        ["s1", "EN", 6.5, "k" * 16]
    ]
    assert run.results[run.planned[0]].about.split == "official"


def test_what_the_plan_says_of_a_result_goes_before_what_was_said_with_it(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.detection("old", {"Car": 0.5})
    builder.detection("new", {"Car": 0.5}, said={"protocol_sha256": "e" * 64})
    old, new = load_run(builder.write()).results.values()
    assert old.about.classes
    assert new.about == About(protocol_sha256="e" * 64)


def test_only_units_of_the_plan_belong_to_a_run(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    builder.quality("kept", VALUES)
    builder.quality("stale", VALUES)
    del builder.units[-1]
    run = load_run(builder.write())
    assert set(run.frame["method"]) == {"kept"}


@pytest.mark.parametrize("suffix", [".parquet", ".json"])
def test_a_half_written_result_is_missing(tmp_path: Path, new_run: Any, suffix: str) -> None:
    builder = new_run(tmp_path)
    path = builder.quality("m", VALUES)
    path.with_suffix(suffix).unlink()
    run = load_run(builder.write())
    assert [unit.method for unit in run.missing] == ["m"]
    assert run.frame.empty


def test_no_plan_names_the_command_that_makes_one(tmp_path: Path) -> None:
    _fails(tmp_path, "plan.json", "ivif-bench run")


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"methods": []}', '{"methods": [{}], "units": []}', '{"methods": 3, "units": []}'],
)
def test_broken_plans_are_user_errors(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    _fails(tmp_path, "plan.json", "ivif-bench run")


def test_units_of_unlisted_methods_and_units_listed_twice_are_refused(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.quality("m", VALUES)
    builder.write(methods=[])
    _fails(tmp_path, "m", "methods")
    builder.units *= 2
    builder.write()
    _fails(tmp_path, "twice")


def test_broken_records_name_the_file(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    path = builder.quality("m", VALUES)
    builder.write()
    path.write_bytes(path.read_bytes()[:-20])
    _fails(tmp_path, path.name, "delete it")
    pq.write_table(pa.table({"value": [1.0]}), path)
    _fails(tmp_path, path.name, "delete it")
    path.with_suffix(".json").write_text("{}")
    _fails(tmp_path, path.with_suffix(".json").name, "provenance")


def test_records_of_another_unit_are_refused(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    path = builder.quality("m", VALUES)
    other = builder.quality("other", VALUES)
    builder.write()
    path.write_bytes(other.read_bytes())
    _fails(tmp_path, path.name, "'other'", "'m'")


def test_two_values_for_one_image_are_refused(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    path = builder.quality("m", VALUES)
    builder.write()
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table]).cast(RECORD_SCHEMA), path)
    _fails(tmp_path, path.name, "two values", "EN")
