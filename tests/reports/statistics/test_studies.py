"""What statistics claim of a run: a known order is recovered, nothing is claimed of equal methods."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests
from synthetic_run import CLASSES, RunBuilder

from ivif_bench.errors import UserError
from ivif_bench.reports.comparison import Comparison, comparisons
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.statistics import association
from ivif_bench.reports.statistics.against_task import Outcome, against, outcomes_of
from ivif_bench.reports.statistics.blocks import Blocks, blocks_of
from ivif_bench.reports.statistics.sheet import read_sheet
from ivif_bench.reports.statistics.study import samples_of, study
from ivif_bench.reports.statistics.write import studied, tables_of, texts_of
from ivif_bench.reports.table import Column, Row, Table, cell
from ivif_bench.statistics import Estimate

IMAGES = 24


def _simulated(seed: int, step: float = 0.0, methods: int = 5, metrics: int = 4) -> list[Blocks]:
    """Images differ much, methods by ``step`` each: the first is best, whatever the direction."""
    random = np.random.default_rng(seed)
    found = []
    for metric in range(metrics):
        direction = "down" if metric % 2 else "up"
        sign = -1.0 if metric % 2 else 1.0
        image = random.normal(size=IMAGES) * 5
        values = {
            f"m{at}": (image - sign * step * at + random.normal(size=IMAGES))[None]
            for at in range(methods)
        }
        stems = tuple(map(str, range(IMAGES)))
        found.append(Blocks(f"metric{metric}", direction, stems, values))
    return found


def test_a_known_order_is_recovered_whatever_the_direction_of_a_metric():
    found = study(_simulated(1, step=1.5))
    assert found.places.tolist() == [1, 2, 3, 4, 5]
    assert found.borda.tolist() == [16, 12, 8, 4, 0]
    assert all(each.best == 0 for each in found.verdicts)
    assert found.claims == found.pairs == 40


@pytest.mark.slow
def test_of_500_runs_without_any_difference_at_most_6_percent_have_a_claim():
    claims = [
        any(each.differs.any() or (each.any_difference and (each.nemenyi < 0.05).any()) for each in
            study(_simulated(seed, methods=4, metrics=3)).verdicts)
        for seed in range(500)
    ]  # fmt: skip
    assert 0.005 < np.mean(claims) <= 0.06  # the bound is met, and not by claiming nothing


@pytest.mark.slow
def test_of_500_runs_without_any_association_at_most_6_percent_have_a_claim(monkeypatch):
    # Intervals claim nothing, so they are left out: two resamples of everything.
    monkeypatch.setattr(association, "image_counts", lambda n: np.ones((2, n)))
    names, claims = [f"m{at}" for at in range(10)], []
    for seed in range(500):
        random = np.random.default_rng(seed)
        blocks = [_blocks({name: [random.normal()] for name in names}, f"k{at}") for at in range(8)]
        outcomes = [
            Outcome(key, key, True, {}, {name: random.normal() for name in names})
            for key in ("mAP50", "mIoU9")
        ]
        claims.append(bool(against("x", "y", blocks, outcomes).claimed))
    assert 0.005 < np.mean(claims) <= 0.06


def test_an_interval_of_a_difference_counts_seeds_and_images_together():
    random = np.random.default_rng(0)
    image, seed = random.normal(size=IMAGES), np.array([[-1.0], [0.0], [1.0]])
    stems = tuple(map(str, range(IMAGES)))
    alone = Blocks("x", "up", stems, {"a": image[None], "b": image[None] - 0.5})
    trained = Blocks("x", "up", stems, {"a": image + seed, "b": image - 0.5 + 0 * seed})
    # Images are paired, so without a spread over seeds the difference is exactly 0.5 everywhere.
    apart = [np.diff(samples_of(each), axis=1)[:, 0] for each in (alone, trained)]
    assert apart[0] == pytest.approx(-0.5)
    # One of two drawn seeds of three: the variance of the mean is that of the seeds over three.
    assert apart[1].var() == pytest.approx(seed.var(ddof=1) / 3, rel=0.1)


def _blocks(values: dict[str, list[float]], metric: str = "VIF", direction: str = "up") -> Blocks:
    lines = {name: np.array([line]) for name, line in values.items()}
    return Blocks(metric, direction, tuple("ab"[: len(next(iter(values.values())))]), lines)


def _task_table(scores: dict[str, float]) -> Table:
    columns = (Column("mAP50", "mAP@0.5", "up", 1, 100), Column("n", "n", "up", 0))
    rows = tuple(
        Row(name, name, (cell(Estimate(value), columns[0]), cell(Estimate(9.0), columns[1])))
        for name, value in scores.items()
    )
    return Table("t", "Detection", "", columns, rows)


def test_metric_against_task_leaves_out_sources_and_says_too_few_below_eight_methods():
    scores = {"visible": 0.4, "infrared": 0.9, "a": 0.5, "b": 0.6, "c": 0.7, "d": 0.8}
    (outcome,) = outcomes_of(_task_table(scores), frozenset({"visible", "infrared"}))
    assert outcome.baseline == "infrared"
    assert outcome.gains == pytest.approx({"a": -0.4, "b": -0.3, "c": -0.2, "d": -0.1})
    blocks = [
        _blocks({"a": [1.0, 1.0], "b": [2.0, 2.0], "c": [3.0, 3.0], "d": [4.0, 4.0]}),
        _blocks({"a": [1.0], "b": [2.0], "c": [4.0], "d": [3.0]}, "MSE", "down"),
    ]
    found = against("x", "Detection", blocks, [outcome])
    assert found.found["VIF", "mAP50"].tau == 1
    assert found.found["MSE", "mAP50"].tau == pytest.approx(-4 / 6)  # less is better
    assert found.claimed == frozenset()
    assert found.sentence.startswith("Too few methods (4, fewer than 8)")


def test_an_association_is_claimed_over_enough_methods_and_named():
    names = [f"m{at}" for at in range(10)]
    random = np.random.default_rng(5)
    blocks = [
        _blocks({name: [float(at)] for at, name in enumerate(names)}, "good"),
        _blocks({name: [-float(at)] for at, name in enumerate(names)}, "contrary"),
        _blocks({name: [float(random.random())] for name in names}, "noise"),
    ]
    (outcome,) = outcomes_of(_task_table({n: at / 10 for at, n in enumerate(names)}), frozenset())
    found = against("x", "Detection", blocks, [outcome])
    assert found.claimed == {("good", "mAP50"), ("contrary", "mAP50")}
    assert "better goes with better for good and mAP@0.5 (τ 1.00)" in found.sentence
    assert "better goes with worse for contrary and mAP@0.5 (τ -1.00)" in found.sentence


def test_a_run_has_tables_of_ranks_differences_pairs_and_associations(tmp_path):
    builder = RunBuilder(tmp_path / "run", sources=("visible",))
    random = np.random.default_rng(2)
    stems = [f"{at:02}" for at in range(12)]
    names = ("visible", "a_b", "c$", "d")
    for at, method in enumerate(names):
        values = {stem: float(at + random.random()) for stem in stems}
        if method == "d":
            values["03"] = math.nan
        builder.quality(method, {"VIF": values}, dataset="m3fd")
        builder.detection(method, dict.fromkeys(CLASSES, 0.1 * at))
    run = load_run(builder.write())
    quality = next(each for each in comparisons(run) if each.task == "quality")
    (block,) = blocks_of(quality)
    assert block.methods == names[1:]
    assert "03" not in block.stems
    assert block.left_out == 1
    tables = tables_of(studied(comparisons(run)))
    texts = texts_of("t", tables)
    assert set(texts) == {
        "statistics.md",
        "statistics-quality-m3fd-ranks.csv",
        "statistics-quality-m3fd-differences.csv",
        "statistics-quality-m3fd-pairs.csv",
        "statistics-quality-m3fd-detection-m3fd-kendall.csv",
        "statistics-quality-m3fd-detection-m3fd-spearman.csv",
    }
    assert [row.cells[-1].text for row in tables[0].rows] == ["3", "2", "1"]
    assert len(tables[2].rows) == 3
    text = texts["statistics.md"]
    assert "| c\\$ | <u>2.00</u> | 2.00 | 1.0 | 2 |" in text
    assert "Too few methods (3, fewer than 8)" in text


def test_a_sheet_of_authors_is_read_as_a_table_over_images(tmp_path):
    sheet = tmp_path / "published.csv"
    lines = [
        f"{image},{method},{metric},{value}"
        for metric in ("Q", "E")
        for method, value in (("one", 1), ("two", 2))
        for image in range(11)
    ]
    sheet.write_text("\n".join(["image,method,metric,value", *lines]))
    (item,) = studied([read_sheet(sheet, ["E"])])
    assert [each.blocks.direction for each in item.study.verdicts] == ["up", "down"]
    assert [each.best for each in item.study.verdicts] == [1, 0]


def _sheet(path: Path, values: dict[tuple[str, str], np.ndarray]) -> Comparison:
    """A sheet of values by method and metric; an image for each value."""
    lines = [
        f"{image:02},{method},{metric},{value}"
        for (method, metric), line in values.items()
        for image, value in enumerate(line.tolist())
    ]
    path.write_text("\n".join(["image,method,metric,value", *lines]))
    return read_sheet(path)


def test_a_method_that_lacks_a_metric_is_left_out_and_named_and_the_others_keep_their_images(
    tmp_path,
):
    random = np.random.default_rng(3)
    values = {
        (method, metric): random.normal(at, 2, size=20)
        for at, method in enumerate("AB")
        for metric in "XY"
    }
    apart = {
        metric: scipy.stats.wilcoxon(values["A", metric], values["B", metric]).pvalue
        for metric in "XY"
    }
    lacking = {("C", "X"): random.normal(size=12)}  # neither Y, nor X on the last eight images
    (item,) = studied([_sheet(tmp_path / "sheet.csv", values | lacking)])
    assert item.study.methods == ("A", "B")
    assert item.study.lacking == {"C": ("Y",)}
    for each in item.study.verdicts:
        assert len(each.blocks.stems) == 20
        assert each.wilcoxon[0, 1] == pytest.approx(apart[each.blocks.metric])
    _, holm, *_ = multipletests([apart[metric] for metric in "XY"], method="holm")
    assert [each.omnibus for each in item.study.verdicts] == pytest.approx(list(holm))
    warning = "Methods left out, which have no value of a metric: C (Y)."
    tables = tables_of([item])
    assert all(warning in table.warnings for table in tables)
    assert warning in texts_of("t", tables)["statistics.md"]


def test_a_metric_that_cannot_be_compared_leaves_no_method_out(tmp_path):
    random = np.random.default_rng(4)
    values = {(method, "X"): random.normal(size=20) for method in "ABC"}
    values |= {("A", "alone"): random.normal(size=20)}
    values |= {(method, "few"): random.normal(size=9) for method in "AB"}
    (item,) = studied([_sheet(tmp_path / "sheet.csv", values)])
    assert item.study.methods == ("A", "B", "C")
    assert item.study.lacking == {}
    warnings = tables_of([item])[0].warnings
    assert "Left out, fewer than 10 images on which all are defined: few (n = 9)." in warnings
    assert "Left out, fewer than two methods have it: alone." in warnings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,method,value\n1,a,2\n", "no column metric"),
        ("image,method,metric,value\n1,a,Q,x\n", "line 2: value 'x' is not a number"),
        ("image,method,metric,value\n1,a,Q,1\n1,a,Q,2\n", "line 3: a second value of Q"),
        ("image,method,metric,value\n", "no values"),
        ("image,method,metric,value\n1,a,Q,inf\n", "infinite"),
    ],
)
def test_a_file_that_is_no_such_sheet_is_refused_in_one_line(tmp_path, text, message):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(text)
    with pytest.raises(UserError, match=message):
        read_sheet(sheet)
    sheet.write_text("image,method,metric,value\n1,a,Q,1\n")
    with pytest.raises(UserError, match="has no metric E"):
        read_sheet(sheet, ["E"])
