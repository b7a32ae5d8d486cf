"""``ablate``: every row of a paper's ablation, with numbers or with the reason why it has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_runs import ivif_here, write_config, write_pairs

from ivif_bench.ablation import ABLATIONS, AblationRow
from ivif_bench.reports.presets import preset_names

# The narrowest network that still has every part, and as few steps as there are stages.
TINY = (
    "steps=2", "width=8", "heads=2", "attention_ratio=4", "unet_width=8", "transformer_layers=1",
    "decoder_blocks=1", "crop=16", "scales=[1.0]", "batch=1", "held_out=0", "noise_steps=[5]",
)  # fmt: skip


def _options(*given: str) -> list[str]:
    return [part for text in given for part in ("--option", text)]


def _table(run: Path, name: str) -> dict[str, Any]:
    tables = json.loads((run / "report" / "tables.json").read_text())["tables"]
    (found,) = (table for table in tables if table["name"] == name)
    return found


def _small(folder: Path, **changes: Any) -> Path:
    write_pairs(folder / "pairs", 2, (176, 184))
    quality = {"dataset": "pairs", "convention": "cddfuse", "metrics": ["EN", "SD", "SF"]}
    return write_config(folder, quality=quality, **changes)


@pytest.mark.parametrize("name", ABLATIONS.specs())
def test_every_ablation_has_a_preset_and_rows_that_are_defined_or_say_why_not(name: str) -> None:
    rows: tuple[AblationRow, ...] = ABLATIONS.load(name)
    assert name in preset_names()
    assert len({row.name for row in rows}) == len(rows)
    assert not any(row.undefined and (row.options or row.settings) for row in rows)


def test_all_rows_of_the_papers_are_there() -> None:
    five = {row.name: row for row in ABLATIONS.load("dmnet-5")}
    assert set(five) >= {f"ae{number}" for number in range(1, 15)} | {"full"}
    defined = {name for name, row in five.items() if name.startswith("ae") and not row.undefined}
    assert defined == {"ae1", "ae13", "ae14"}  # all that the text defines
    assert [row.title for row in ABLATIONS.load("dmnet-6")] == ["Sobel", "Canny", "LoG", "Roberts"]
    assert len(ABLATIONS.load("ddfm-2")) == 5


@pytest.mark.slow
def test_ddfm_2_has_its_rows_beside_those_of_the_paper(tmp_path: Path) -> None:
    config = _small(
        tmp_path, datasets={"RoadScene": {"layout": "folder", "root": str(tmp_path / "pairs")}},
    )  # fmt: skip
    config.write_text(config.read_text().replace("dataset: pairs", "dataset: RoadScene"))
    done = ivif_here("ablate", "ddfm-2", config, "--lite", *_options("steps=2"))
    assert done.returncode == 0, done.stderr
    table = _table(tmp_path / "runs" / "small-ddfm-2-lite", "ddfm-2")
    ours = [row for row in table["rows"] if not row["published"]]
    assert [row["method"] for row in ours] == ["I", "II", "III", "IV", "all"]
    values = [row["cells"]["SD"]["value"] for row in ours]
    assert len(set(values[:1] + values[2:4])) == 3  # each did what it names, on different images
    published = {row["method"]: row for row in table["rows"] if row["published"]}
    assert published["DDFM (published)"]["cells"]["EN"]["printed"] == "7.41"
    assert len(published) == 5
    assert "ADMM" in " ".join(table["notes"].values())


@pytest.mark.slow
def test_dmnet_5_trains_its_rows_once_and_says_which_are_not_defined(tmp_path: Path) -> None:
    config = _small(tmp_path)
    line = ["ablate", "dmnet-5", config, "--lite", "--data", tmp_path / "pairs", *_options(*TINY)]
    done = ivif_here(*line)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "small-dmnet-5-lite"
    table = _table(run, "dmnet-5")
    rows = {row["method"]: row for row in table["rows"]}
    for name in ("ae1", "ae13", "ae14", "full", "no-dtb", "no-dib", "no-dtb-dib"):
        assert all(cell["value"] is not None for cell in rows[name]["cells"].values())
    for number in (*range(2, 13),):
        row = rows[f"ae{number}"]
        assert row["title"].endswith("(not defined)")
        assert "does not" in table["notes"][row["note"]]
        assert all(cell["value"] is None for cell in row["cells"].values())
    assert "AE4 (not defined)" in (run / "report" / "dmnet-5.tex").read_text()

    trained = sorted((tmp_path / "runs" / "small-trainings").rglob("dmnet.safetensors"))
    times = [path.stat().st_mtime_ns for path in trained]
    done = ivif_here("ablate", "dmnet-6", *line[2:])
    assert done.returncode == 0, done.stderr
    rows = {r["method"]: r for r in _table(run.with_name("small-dmnet-6-lite"), "dmnet-6")["rows"]}
    assert list(rows) == ["full", "canny", "log", "roberts"]
    assert len({row["cells"]["SD"]["value"] for row in rows.values()}) == 4
    assert [path.stat().st_mtime_ns for path in trained] == times

    done = ivif_here(*line, *_options("learning_rate=0.5"))
    assert done.returncode == 2
    assert "was trained with other settings" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dmnet-7"], "unknown ablation 'dmnet-7'"),
        (["dmnet-5", "--lite"], "give training pairs with --data"),
        (["ddfm-2", "--data", "demo=4"], "its rows are not trained, leave out --data"),
        (["ddfm-2", "--lite", "--option", "stepz=3"], "stepz: unknown key; did you mean steps"),
        (["dmnet-6", "--data", "demo=4", "--option", "widht=3"], "did you mean width"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    config = _small(tmp_path)
    done = ivif_here("ablate", arguments[0], config, *arguments[1:])
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert says in line
    assert not (tmp_path / "runs").exists()
