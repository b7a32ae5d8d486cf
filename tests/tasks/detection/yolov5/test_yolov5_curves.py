"""Precision, recall and F1 equal those recorded from YOLOv5 v7.0 (group h)."""

from __future__ import annotations

import numpy as np
import pytest

from ivif_bench.tasks.detection.yolov5_curves import curves

pytestmark = pytest.mark.golden


@pytest.mark.parametrize("number", range(11))
def test_precision_recall_and_f1_of_recorded_hits(recorded, number):
    case = recorded.about("h_metrics.npz")["cases"][number]
    arrays = recorded.arrays("h_metrics.npz")
    given = [arrays[f"{case['key']}/{part}"] for part in ("tp", "conf", "pred_cls", "target_cls")]
    found = curves(*given)
    for part in ("precision", "recall", "f1", "ap"):
        if f"{case['key']}/{part}" in arrays:
            values = np.array([getattr(each, part) for each in found])
            np.testing.assert_allclose(
                values, arrays[f"{case['key']}/{part}"], rtol=1e-6, atol=1e-9, err_msg=part
            )
    means = np.mean([[c.precision, c.recall, c.ap[0], c.ap.mean()] for c in found], axis=0)
    np.testing.assert_allclose(means, case["mean_precision_recall_map50_map"], rtol=1e-6, atol=1e-9)
