"""The shipped lite methods on real pairs: ahead of simple rules where their cards say so."""

from __future__ import annotations

import pytest
import torch

from ivif_bench.data.base import open_dataset
from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes
from ivif_bench.fusion import METHODS
from ivif_bench.pipeline.fuse import fuse_one
from ivif_bench.tasks.quality.folder import score_folder

STEMS = ("05", "11")  # two of the smallest pairs of TNO, which none of them was trained on
AHEAD = {  # of that rule, in these metrics, by at least this factor
    "ddfm-lite": {"average": {"VIF": 1.0, "Qabf": 1.0, "MI": 0.98}},
    "dmfuse-lite": {
        "average": {"MI": 1.0, "VIF": 1.0, "Qabf": 1.0, "SF": 1.0},
        "laplacian": {"MI": 1.0, "VIF": 1.0},
    },
    "dmnet-lite": {"average": {"SF": 1.0, "SD": 1.0, "VIF": 1.0, "Qabf": 1.0}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AHEAD)
def test_a_lite_method_is_ahead_of_simple_rules_on_tno(name, shared, tmp_path):
    dataset = open_dataset("folder", shared / "data" / "TNO42", infrared="ir", visible="vi")
    pairs = [pair for pair in dataset.pairs if pair.stem in STEMS]
    assert len(pairs) == len(STEMS)
    rules = AHEAD[name]
    for pair in pairs:
        for side in ("infrared", "visible"):
            source = getattr(pair, side)
            write_bytes(tmp_path / side / f"{pair.stem}{source.suffix}", source.read_bytes())
        job = {
            "dataset": pair.dataset,
            "stem": pair.stem,
            "infrared": pair.infrared,
            "visible": pair.visible,
        }
        for method in (*rules, name):
            with torch.inference_mode():
                fused = fuse_one(METHODS.load(method)(), job, 0)
            write_bytes(tmp_path / method / f"{pair.stem}.png", encode_png(fused))
    scores = score_folder(
        tmp_path / "infrared",
        tmp_path / "visible",
        {method: tmp_path / method for method in (*rules, name)},
        sorted({metric for wanted in rules.values() for metric in wanted}),
        "reference",
    ).to_json()["methods"]
    for rule, wanted in rules.items():
        for metric, share in wanted.items():
            found, bar = (scores[method]["mean"][metric] for method in (name, rule))
            assert found > share * bar, f"{metric} against {rule}"
