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
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Fusion quality on the given folders, mean over 10 images.")
    assert lines[2].split() == ["Method", "EN", "↑", "MSE", "↓"]
    assert [line.split()[0] for line in lines[4:6]] == ["fused", "other"]
    for column in (1, 2):
        assert sorted(line.split()[column][-1] for line in lines[4:6]) == ["*", "+"]
    assert "Convention: cddfuse" in done.stdout
    assert list(json.loads(out.read_text())["methods"]) == ["fused", "other"]


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


def test_a_file_that_cannot_be_read_is_named_and_nothing_is_written(root):
    cv2.imwrite(str(root / "fused" / "vi" / "00001.png"), np.full((176, 208), 999, np.uint16))
    out = root / "scores.json"
    done = ivif(*arguments(root, "--fused", root / "fused" / "vi", "--json", out))
    assert done.returncode == 2
    assert done.stderr.startswith(f"ivif-bench: {root / 'fused' / 'vi' / '00001.png'}: 16-bit")
    assert done.stderr.count("\n") == 1
    assert not out.exists()


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
