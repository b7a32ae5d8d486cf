"""What ``score`` takes as images: folders, patterns of names, single files, fused images alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_runs import write_pairs
from typer.testing import CliRunner

from ivif_bench import evaluate, evaluate_folder
from ivif_bench.cli import app
from ivif_bench.errors import UserError

METRICS = "EN,MI,SD"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three pairs in ``ir`` and ``vi``, and fused images in ``f``, all by plain stems."""
    write_pairs(tmp_path / "pairs", 3, (48, 56))
    write_pairs(tmp_path / "other", 3, (48, 56), seed=1)
    for side in ("ir", "vi"):
        shutil.move(tmp_path / "pairs" / side, tmp_path / side)
    shutil.move(tmp_path / "other" / "vi", tmp_path / "f")
    return tmp_path


def renamed(folder: Path, form: str) -> None:
    """Give the n-th file the name ``form.format(n)``."""
    old = folder.rename(folder.with_name("old"))
    folder.mkdir()
    for number, path in enumerate(sorted(old.iterdir()), start=1):
        path.rename(folder / f"{form.format(number)}{path.suffix}")
    old.rmdir()


def score(root: Path, *options: object) -> dict[str, object]:
    """The JSON of the command, in this process."""
    out = root / "out.json"
    command = ["score", *map(str, options), "--json", str(out)]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(out.read_text())


def sides(root: Path, infrared: str = "ir", visible: str = "vi", fused: str = "f") -> list[str]:
    return [
        "--infrared", f"{root}/{infrared}", "--visible", f"{root}/{visible}",
        "--fused", f"M={root}/{fused}", "--metrics", METRICS,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("forms", "places"),
    [
        (("{:05d}", "{:05d}", "{:05d}_recover"), ("ir", "vi", "f/{stem}_recover.png")),
        (("IR{}", "VIS{}", "{}"), ("ir/IR{stem}.png", "vi/VIS{stem}", "f")),
        (("{}", "{}", "{:05d}"), ("ir", "vi", "f/{stem:05d}.png")),
        (("F_{}_ir", "F_{}_RGB", "fused_{}"), ("ir/F_{stem}_ir", "vi/F_{stem}_RGB", "f/fused_{stem}")),
    ],
    ids=["suffix", "prefixes", "digits", "all three"],
)  # fmt: skip
def test_names_by_pattern_give_the_values_of_equal_stems(root, forms, places):
    expected = score(root, *sides(root))
    for folder, form in zip(("ir", "vi", "f"), forms, strict=True):
        renamed(root / folder, form)
    found = score(root, *sides(root, *places))
    assert list(found["images"].values()) == list(expected["images"].values())
    assert found["mean"] == expected["mean"]
    assert found["unmatched"] == {"infrared": [], "visible": [], "fused": []}


@pytest.mark.parametrize(
    ("forms", "advice"),
    [
        (("{:05d}", "{:05d}", "{:05d}_recover"), r"--fused 'M=\S*/f/\{stem\}_recover'"),
        (("IR{}", "VIS{}", "IR{}"), r"--infrared '\S*/ir/IR\{stem\}' --visible '\S*VIS\{stem\}'"),
        (("{}", "{}", "{:05d}"), r"--fused 'M=\S*/f/\{stem:05d\}'"),
    ],
)  # fmt: skip
def test_names_that_differ_by_a_constant_part_get_the_option_to_write(root, forms, advice):
    for folder, form in zip(("ir", "vi", "f"), forms, strict=True):
        renamed(root / folder, form)
    with pytest.raises(UserError, match=advice):
        score(root, *sides(root))


def test_the_advised_option_works_as_it_is_written(root):
    renamed(root / "f", "{:05d}_fused")
    renamed(root / "ir", "{:05d}")
    renamed(root / "vi", "{:05d}")
    with pytest.raises(UserError) as caught:
        score(root, *sides(root))
    advised = str(caught.value).rpartition("--fused '")[2].rstrip("'")
    found = score(root, *sides(root)[:4], "--fused", advised, "--metrics", "EN")
    assert len(found["images"]) == 3


def test_single_files_of_any_names_are_one_pair(root):
    files = [
        sorted((root / folder).iterdir())[at] for folder, at in (("ir", 0), ("vi", 0), ("f", 2))
    ]
    command = ["--infrared", files[0], "--visible", files[1], "--fused", f"M={files[2]}"]
    found = score(root, *command, "--metrics", METRICS)
    assert list(found["images"].values()) == [evaluate(*files, METRICS.split(","))]


def test_fused_images_alone_have_the_values_that_they_have_beside_sources(root):
    names = ["EN", "SD", "SF", "AG", "EI"]
    both = score(root, *sides(root)[:-1], ",".join(names))
    alone = score(root, "--fused", f"M={root / 'f'}", "--metrics", ",".join(names))
    assert alone["mean"] == both["mean"]
    assert alone["unmatched"] == {"fused": []}
    image = cv2.imread(str(sorted((root / "f").iterdir())[0]))
    luma = np.round(image @ [0.114, 0.587, 0.299])
    assert next(iter(alone["images"].values()))["SD"] == pytest.approx(luma.std(), abs=0.05)


def test_without_sources_the_metrics_that_need_them_are_left_out_or_refused(root):
    alone = score(root, "--fused", root / "f")
    assert list(alone["metrics"]) == ["EN", "SF", "AG", "SD"]
    with pytest.raises(UserError, match="need the sources: MI, VIF; give --infrared and --visible"):
        score(root, "--fused", root / "f", "--metrics", "EN,MI,VIF")
    with pytest.raises(UserError, match="visible images are missing; give both sides"):
        score(root, "--fused", root / "f", "--infrared", root / "ir")
    assert evaluate_folder(None, None, root / "f", ["EN"]).methods["f"].mean("EN") is not None


@pytest.mark.parametrize(
    ("fused", "message"),
    [
        ("=f", "expected a folder, or NAME=FOLDER"),
        ("M=", "expected a folder, or NAME=FOLDER"),
        ("M=gone", "no such folder: .*gone"),
        ("M=f/{name}.png", r"pattern .* one \{stem\}"),
        ("M=empty", "no images in"),
    ],
)
def test_a_place_that_is_none_is_refused_in_one_line(root, fused, message, monkeypatch):
    (root / "empty").mkdir()
    monkeypatch.chdir(root)
    with pytest.raises(UserError, match=message) as caught:
        score(root, "--fused", fused)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_a_target_that_cannot_be_written_is_refused_before_anything_is_read(root, option):
    command = ["score", "--fused", str(root / "no such folder"), option]
    for target in (root, root / "f" / sorted((root / "f").iterdir())[0].name / "x.json"):
        done = CliRunner().invoke(app, [*command, str(target)])
        assert isinstance(done.exception, UserError)
        assert "cannot write" in str(done.exception)
