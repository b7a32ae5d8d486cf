"""The demo must rank a sound fusion ahead of either source, or the demo or the tasks are wrong.

The README's picture of a page is of this run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from required import skip_unless
from small_runs import ivif

from ivif_bench.data.images import read_rgb
from ivif_bench.reports.frame import load_run

PROTOCOLS = ("demo-det.v1", "demo-det-original.v1", "demo-seg.v1")
METHODS = ("visible", "infrared", "average", "laplacian")


@pytest.fixture(scope="module")
def run(repository, tmp_path_factory):
    """The demo with four methods and three seeds, and its page; returns the run directory."""
    folder = tmp_path_factory.mktemp("ranking")
    content = yaml.safe_load((repository / "configs" / "demo.yaml").read_text())
    content["methods"] = list(METHODS)
    content["runs"] = str(folder / "runs")
    for name, dataset in content["datasets"].items():
        dataset["root"] = str(folder / name)
    del content["quality"], content["complexity"]
    protocols = [name for name in PROTOCOLS if "det" in name]
    content["detection"] = [{"dataset": "demo-m3fd", "protocol": each} for each in protocols]
    config = folder / "ranking.yaml"
    config.write_text(yaml.safe_dump(content))
    done = ivif("run", config, "--seeds", "0,1,2", "--page", "--json", timeout=2400)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] == len(PROTOCOLS) * 3 * len(METHODS)
    return folder / "runs" / "demo"


@pytest.fixture(scope="module")
def means(run):
    """Mean over seeds 0 to 2 of the headline numbers, in points, by (protocol, method)."""
    frame = load_run(run).frame
    whole = frame[(frame["class_name"] == "") & frame["metric"].isin(["mAP50", "mIoU9"])]
    assert (whole.groupby(["protocol", "method"])["seed"].nunique() == 3).all()
    found = (100 * whole.groupby(["protocol", "method"])["value"].mean()).to_dict()
    print({key: round(value, 2) for key, value in found.items()})
    return found


@pytest.mark.slow
@pytest.mark.ultralytics
@pytest.mark.mmseg
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_fusion_is_two_points_ahead_of_both_sources(means, protocol):
    fused = max(means[protocol, "average"], means[protocol, "laplacian"])
    sources = max(means[protocol, "visible"], means[protocol, "infrared"])
    assert fused >= sources + 2, means


@pytest.mark.slow
@pytest.mark.ultralytics
@pytest.mark.mmseg
def test_the_readmes_picture_shows_this_page(run, repository, tmp_path):
    """Made by its script; with ``IVIF_BENCH_SHOTS=docs/images`` it takes the place of the README's.

    Compared in cells of 40 x 40 pixels: boxes and text differ with the processor and the fonts.
    """
    skip_unless("chromium")
    picture = Path(os.environ.get("IVIF_BENCH_SHOTS", tmp_path)) / "page.png"
    script = repository / "scripts" / "page_picture.py"
    subprocess.run([sys.executable, script, run, picture], check=True, timeout=120)
    made, kept = (read_rgb(path) for path in (picture, repository / "docs" / "images" / "page.png"))
    assert made.shape == kept.shape == (760, 1280, 3)
    small = [cv2.resize(each, (32, 19), interpolation=cv2.INTER_AREA) for each in (made, kept)]
    difference = np.abs(small[0].astype(float) - small[1].astype(float)).mean()
    assert difference < 5, f"mean difference {difference:.1f}: the page looks otherwise by now"
