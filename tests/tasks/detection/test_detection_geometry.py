"""Letterbox and suppression, against inverses and ultralytics."""

import numpy as np
import pytest

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.adapter import rename_classes
from ivif_bench.tasks.detection.geometry import letterbox, select_boxes
from ivif_bench.types import Boxes


@pytest.mark.parametrize("size", [(480, 640), (768, 1024), (331, 585), (256, 256), (17, 900)])
def test_a_box_survives_the_way_into_the_square_and_back(size: tuple[int, int]) -> None:
    height, width = size
    image = np.zeros((height, width, 3), np.uint8)
    square, place = letterbox(image, 640)
    assert square.shape == (640, 640, 3)
    box = np.array([[width * 0.25, height * 0.25, width * 0.5, height * 0.75]])
    inside = box * place.scale + np.array([place.left, place.top] * 2)
    assert place.to_image(inside) == pytest.approx(box)


@pytest.mark.ultralytics
@pytest.mark.parametrize("size", [(480, 640), (331, 585), (585, 331), (17, 900)])
def test_letterbox_equals_that_of_ultralytics(size: tuple[int, int]) -> None:
    augment = pytest.importorskip("ultralytics.data.augment")
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = augment.LetterBox((640, 640), auto=False)(image=image)
    assert np.array_equal(letterbox(image, 640)[0], theirs)


def test_boxes_are_cut_at_the_border_of_the_image() -> None:
    _, place = letterbox(np.zeros((480, 640, 3), np.uint8), 640)
    assert place.to_image(np.array([[-20, 0, 700, 640.0]])).tolist() == [[0, 0, 640, 480]]


def test_suppression_is_per_class_and_best_class_only_and_limited() -> None:
    torch = pytest.importorskip("torch")
    _, place = letterbox(np.zeros((640, 640, 3), np.uint8), 640)
    xywh = torch.tensor(
        [[100, 100, 40, 40.0], [101, 100, 40, 40], [100, 100, 40, 40], [9, 9, 4, 4]]
    )
    scores = torch.tensor([[0.9, 0.8], [0.7, 0.1], [0.2, 0.6], [0.001, 0.0]])
    found = select_boxes(xywh, scores, place, ["a", "b"], 0.001, 0.6, 300)
    assert found.classes == ("a", "b")
    assert found.scores is not None
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])
    assert found.xyxy[0].tolist() == pytest.approx([80, 80, 120, 120])
    assert select_boxes(xywh, scores, place, ["a", "b"], 0.001, 0.6, 1).classes == ("a",)


def test_multi_label_gives_a_box_for_every_class_above_the_confidence() -> None:
    torch = pytest.importorskip("torch")
    _, place = letterbox(np.zeros((640, 640, 3), np.uint8), 640)
    xywh = torch.tensor([[100, 100, 40, 40.0], [101, 100, 40, 40], [9, 9, 4, 4]])
    scores = torch.tensor([[0.9, 0.8, 0.2], [0.7, 0.1, 0.0], [0.0, 0.25, 0.3]])
    found = select_boxes(xywh, scores, place, ["a", "b", "c"], 0.22, 0.6, 300, multi_label=True)
    assert found.classes == ("a", "b", "c", "b")
    assert found.scores is not None
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.3, 0.25])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("what", ["scores", "boxes"])
def test_outputs_that_are_not_finite_are_refused_not_taken_for_nothing_found(
    number: float, multi_label: bool, what: str
) -> None:
    torch = pytest.importorskip("torch")
    _, place = letterbox(np.zeros((640, 640, 3), np.uint8), 640)
    xywh = torch.tensor([[100, 100, 40, 40.0], [9, 9, 4, 4]])
    scores = torch.tensor([[0.9, 0.8], [0.7, 0.1]])
    (scores if what == "scores" else xywh)[1, 0] = number
    with pytest.raises(UserError, match=f"{what} that are NaN or infinite"):
        select_boxes(xywh, scores, place, ["a", "b"], 0.001, 0.6, 300, multi_label)


def test_a_box_below_the_confidence_may_be_anything() -> None:
    torch = pytest.importorskip("torch")
    _, place = letterbox(np.zeros((640, 640, 3), np.uint8), 640)
    xywh = torch.tensor([[100, 100, 40, 40.0], [9, 9, torch.inf, 4]])
    found = select_boxes(xywh, torch.tensor([[0.9], [0.0]]), place, ["a"], 0.001, 0.6, 300)
    assert len(found.classes) == 1


def test_renaming_drops_classes_without_counterpart() -> None:
    found = Boxes(np.eye(3, 4), ("person", "dog", "car"), np.array([0.9, 0.8, 0.7]))
    kept = rename_classes(found, {"person": "People", "car": "Car"}, ())
    assert kept.classes == ("People", "Car")
    assert kept.scores is not None
    assert kept.scores.tolist() == [0.9, 0.7]
