"""The command ``score``: what it writes, what it prints, and one line for every mistake."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from small_runs import ivif, write_pairs
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.errors import UserError

TEN = ("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "VIF", "Qabf", "MS-SSIM")


@pytest.fixture
def root(tmp_path):
    write_pairs(tmp_path / "pairs", 3, (176, 208))
    write_pairs(tmp_path / "fused", 4, (176, 208), seed=1)
    return tmp_path


def arguments(root, *more):
    sources = ("--infrared", root / "pairs" / "ir", "--visible", root / "pairs" / "vi")
    return ["score", *map(str, (*sources, *more))]


def score(root, *more):
    """The command in this process; its errors are exceptions here."""
    done = CliRunner().invoke(app, arguments(root, *more), catch_exceptions=False)
    if isinstance(done.exception, UserError):
        raise done.exception
    return done


@pytest.mark.slow
def test_every_value_is_written_and_whatever_has_no_partner_is_listed(root):
    out, table = root / "scores.json", root / "scores.csv"
    fused = f"mine={root / 'fused' / 'vi'}"
    done = ivif(*arguments(root, "--fused", fused, "--json", out, "--csv", table))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = json.loads(out.read_text())
    assert result["convention"] == "reference"
    assert (result["mode"], result["device"]) == ("exact", "cpu")
    assert result["metrics"] == dict.fromkeys(TEN, "up")
    assert list(result["images"]) == ["00000", "00001", "00002"]
    assert list(result["mean"]) == list(TEN)
    assert result["unmatched"] == {"infrared": [], "visible": [], "fused": ["00003"]}
    assert result["left_out"] == {}
    assert result["notes"] == {}
    assert {"python", "ivif-bench", "numpy"} <= set(result["versions"])
    assert "Convention: reference." in done.stdout
    assert "mine: 1 fused without partners: 00003." in done.stdout
    rows = list(csv.DictReader(table.open()))
    assert [row["stem"] for row in rows] == list(result["images"])
    for row in rows:
        assert {name: float(row[name]) for name in TEN} == result["images"][row["stem"]]


def test_several_methods_are_one_table(root):
    for seed, name in enumerate(("pairs", "fused", "other")):  # ten images can be ranked
        write_pairs(root / name, 10, (176, 208), seed=seed)
    folders = [f"{name}={root / name / 'vi'}" for name in ("fused", "other")]
    out = root / "scores.json"
    options = ["--fused", folders[0], "--fused", folders[1], "--metrics", "EN, MSE", "--json", out]
    done = score(root, *options, "--convention", "cddfuse", "--workers", 1)
    assert "Fusion quality on the given folders, mean over 10 images." in done.stdout
    head, _, *rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if "|" in line]
    assert [text.strip() for text in head] == ["Method", "Images", "EN ↑", "MSE ↓"]
    assert [[text.strip() for text in row[:2]] for row in rows] == [
        ["fused", "10"],
        ["other", "10"],
    ]
    for column in (2, 3):
        assert sorted(row[column].strip()[:2] for row in rows) == ["**", "<u"]
    assert "Convention: cddfuse" in done.stdout
    assert list(json.loads(out.read_text())["methods"]) == ["fused", "other"]


@pytest.mark.parametrize("spread", ["sd", "interval"])
def test_what_stands_beside_a_mean_is_that_of_the_values_written(root, spread):
    write_pairs(root / "pairs", 10, (176, 208))
    out = root / "scores.json"
    options = ["--fused", f"x={root / 'pairs' / 'vi'}", "--metrics", "EN", "--json", out]
    done = score(root, *options, "--spread", spread)
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| x |")]
    values = [found["EN"] for found in json.loads(out.read_text())["images"].values()]
    printed = row.split("|")[3].strip()
    if spread == "sd":
        assert printed == f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
        return
    half = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))
    low, high = (float(text) for text in printed.partition("[")[2].rstrip("]").split(", "))
    assert low == pytest.approx(np.mean(values) - half, abs=0.4 * half)
    assert high == pytest.approx(np.mean(values) + half, abs=0.4 * half)


def test_an_unknown_spread_is_refused(root):
    with pytest.raises(UserError, match="--spread: 'range'; known: sd, interval"):
        score(root, "--fused", root / "fused" / "vi", "--spread", "range")


def test_all_metrics_and_the_fast_mode_can_be_asked_for(root):
    write_pairs(root / "small", 1, (48, 50))
    sources = ["--infrared", root / "small" / "ir", "--visible", root / "small" / "vi"]
    options = ["--fused", root / "small" / "vi", "--metrics", "all", "--mode", "fast"]
    out = root / "scores.json"
    done = CliRunner().invoke(app, ["score", *map(str, (*sources, *options, "--json", out))])
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    assert {*TEN, "SSIM", "MSE"} <= set(result["metrics"])
    assert result["mode"] == "fast"
    assert result["left_out"]["MS-SSIM"] == {"00000": "too_small"}
    assert result["notes"] == {"00000": ["fused: equal to visible"]}
    assert "1 of 1 images left out of" in done.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--convention", "refrence"], "did you mean reference"),
        (["--metrics", "EN,Qbaf"], "did you mean Qabf"),
        (["--metrics", "EN,EN"], "named twice: EN"),
        (["--mode", "quick"], "unknown mode 'quick'; known: exact, fast"),
        (["--device", "nonsense"], "unknown device 'nonsense'"),
        (["--format", "latx"], "unknown report format 'latx'; did you mean latex"),
        (["--fused", "absent"], "no such folder: absent"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(root, options, words):
    fused = [] if "--fused" in options else ["--fused", f"m={root / 'fused' / 'vi'}"]
    with pytest.raises(UserError, match=words) as caught:
        score(root, *fused, *options)
    assert "\n" not in str(caught.value)


def test_methods_must_have_different_names(root):
    folder = root / "fused" / "vi"
    with pytest.raises(UserError, match="the name 'vi' occurs twice; use NAME=FOLDER"):
        score(root, "--fused", folder, "--fused", f"vi={folder}")


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_written(root):
    cv2.imwrite(str(root / "fused" / "vi" / "00001.png"), np.full((176, 208), 999, np.uint16))
    out = root / "scores.json"
    done = ivif(*arguments(root, "--fused", root / "fused" / "vi", "--json", out))
    assert done.returncode == 2
    assert done.stderr.startswith(f"ivif-bench: {root / 'fused' / 'vi' / '00001.png'}: 16-bit")
    assert done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.slow
def test_the_cpu_engine_starts_without_torch(root):
    code = (
        "import sys\nfrom ivif_bench.cli import app\n"
        f"try:\n    app({arguments(root, '--fused', root / 'fused' / 'vi')!r})\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'rich.progress', 'ivif_bench.pipeline'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("LOADED []")
