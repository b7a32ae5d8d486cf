"""float32 of a protocol is float32 on every device: no layer sees factors shortened to TF32."""

from __future__ import annotations

import pytest
import small_trainings
from precisions import STRICT, recorded_precisions
from small_trainings import RGB


@pytest.mark.slow
@pytest.mark.ultralytics
def test_a_detector_trains_and_judges_in_float32(tmp_path):
    pytest.importorskip("ultralytics")
    with recorded_precisions() as training:
        network, checkpoint = small_trainings.train_detector(tmp_path)
    assert training == STRICT
    network.load(checkpoint)
    with recorded_precisions() as judging:
        network.predict(RGB)
    assert judging == STRICT


@pytest.mark.golden
def test_an_original_checkpoint_judges_in_float32(shared):
    with recorded_precisions() as judging:
        small_trainings.original_yolov5(shared / "data" / "weights" / "yolov5n.pt")
    assert judging == STRICT


@pytest.mark.slow
@pytest.mark.mmseg
def test_a_segmenter_trains_and_judges_in_float32(tmp_path):
    pytest.importorskip("mmseg")
    with recorded_precisions() as training:
        network, checkpoint = small_trainings.train_segmenter(tmp_path)
    assert training == STRICT
    network.load(checkpoint)
    with recorded_precisions() as judging:
        network.predict(RGB)
    assert judging == STRICT
