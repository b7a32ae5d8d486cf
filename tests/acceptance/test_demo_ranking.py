"""The demo must rank a sound fusion ahead of either source, or the demo or the tasks are wrong."""

from __future__ import annotations

import json

import pytest
import yaml
from small_runs import ivif

from ivif_bench.reports.frame import load_run

PROTOCOLS = ("demo-det.v1", "demo-det-original.v1", "demo-seg.v1")
METHODS = ("visible", "infrared", "average", "laplacian")


@pytest.fixture(scope="module")
def means(repository, tmp_path_factory):
    """Mean over seeds 0 to 2 of the headline numbers, in points, by (protocol, method)."""
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
    done = ivif("run", config, "--seeds", "0,1,2", "--json", timeout=2400)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] == len(PROTOCOLS) * 3 * len(METHODS)
    frame = load_run(folder / "runs" / "demo").frame
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
