"""``judge``: methods in memory get the numbers of their images, and never those of older ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from small_runs import write_pairs

import ivif_bench
from ivif_bench.errors import UserError
from ivif_bench.reports import qualitative

METRICS = ["EN", "SD", "MI"]
STEMS = ["00000", "00001", "00002"]


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Drawing takes most of the time of a call, and has its tests in ``tests/reports``."""
    monkeypatch.setattr(qualitative, "files_of", lambda *_: {})


class Recorder:
    """A method that remembers what it was called with."""

    def __init__(self, weight: float = 0.5) -> None:
        self.weight = weight
        self.calls: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, infrared, visible):
        self.calls.append((infrared, visible))
        mixed = self.weight * infrared[:, :, None] + (1 - self.weight) * visible
        return mixed / 255


def judge(methods, **changes):
    given = {
        "dataset": "folder",
        "root": "pairs",
        "out": "runs/mine",
        "tasks": {"quality": {"metrics": METRICS}},
    }
    return ivif_bench.judge(methods, **{**given, **changes})


def sources(stem):
    infrared = cv2.imread(f"pairs/ir/{stem}.png", cv2.IMREAD_GRAYSCALE)
    return infrared, cv2.imread(f"pairs/vi/{stem}.png")[:, :, ::-1]


def rounded(fused):
    return np.rint(255 * fused).astype(np.uint8)


def values(run, method):
    rows = run.records[run.records["method"] == method]
    return {(row.stem, row.metric): row.value for row in rows.itertuples()}


def test_a_function_and_its_images_get_the_values_of_evaluate(small):
    mean = Recorder()
    images = {stem: rounded(mean(*sources(stem))) for stem in STEMS}
    judged = judge({"Function": Recorder(), "Images": images})
    expected = {
        (stem, metric): value
        for stem in STEMS
        for metric, value in ivif_bench.evaluate(*sources(stem), images[stem], METRICS).items()
    }
    assert values(judged, "Function") == expected
    assert values(judged, "Images") == expected
    assert list(dict.fromkeys(judged.records["method"])) == [
        *("visible", "infrared", "Function", "Images")
    ]
    assert "| Function |" in judged.tables["quality-folder"]


def test_a_function_gets_the_pairs_that_are_judged_and_no_others(small):
    (small / "two.txt").write_text("00000\n00002\n")
    function = Recorder()
    judge({"Mine": function}, split="two.txt")
    assert len(function.calls) == 2
    for stem, (infrared, visible) in zip(["00000", "00002"], function.calls, strict=True):
        assert infrared.dtype == visible.dtype == np.uint8
        assert np.array_equal(infrared, sources(stem)[0])
        assert np.array_equal(visible, sources(stem)[1])


def test_images_of_stems_that_are_not_judged_are_not_looked_at(small):
    (small / "one.txt").write_text("00001\n")
    judged = judge({"Mine": {"00001": sources("00001")[0], "00000": "no image"}}, split="one.txt")
    assert {stem for stem, _ in values(judged, "Mine")} == {"00001"}


def test_without_a_version_a_function_is_called_again_and_a_changed_one_is_seen(small):
    first = judge({"Mine": Recorder(0.5)})
    same = Recorder(0.5)
    again = judge({"Mine": same})
    assert len(same.calls) == 3
    assert again.summary.computed == 0
    changed = judge({"Mine": Recorder(0.25)})
    assert changed.summary.computed == 1
    assert values(changed, "Mine") != values(first, "Mine")
    assert values(changed, "visible") == values(first, "visible")


def test_a_version_stands_for_the_function_and_not_for_the_sources(small):
    def judged(version):
        function = Recorder()
        run = judge({"Mine": function}, versions={"Mine": version})
        return len(function.calls), run.summary.computed

    assert judged("1") == (3, 3)
    assert judged("1") == (0, 0)
    assert judged("2")[0] == 3
    write_pairs(small / "other", 3, (40, 48), seed=7)
    (small / "other" / "ir" / "00001.png").replace(small / "pairs" / "ir" / "00001.png")
    assert judged("2")[0] == 1
    assert judged("1")[0] == 1


def test_images_under_a_version_that_are_damaged_are_made_again(small):
    judge({"Mine": Recorder()}, versions={"Mine": "1"})
    path = next((small / "runs" / "mine" / "given").rglob("00001.png"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    function = Recorder()
    judge({"Mine": function}, versions={"Mine": "1"})
    assert len(function.calls) == 1
    assert path.read_bytes() == whole


def test_an_interrupted_function_goes_on_only_under_a_version(small):
    class Interrupted(Recorder):
        def __call__(self, infrared, visible):
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().__call__(infrared, visible)

    for versions, calls in (({"Mine": "1"}, 1), ({}, 3)):
        with pytest.raises(KeyboardInterrupt):
            judge({"Mine": Interrupted()}, versions=versions)
        function = Recorder()
        judge({"Mine": function}, versions=versions)
        assert len(function.calls) == calls


def test_images_that_are_gone_are_not_taken_from_an_earlier_call(small):
    images = {stem: sources(stem)[0] // 2 for stem in STEMS}
    judge({"Mine": images})
    del images["00001"]
    with pytest.raises(
        UserError, match=r"no image for 1 of 3 stems: 00001 \(given: 00000, 00002\)"
    ):
        judge({"Mine": images})
    judged = judge({"Mine": images}, missing="allow")
    assert {stem for stem, _ in values(judged, "Mine")} == {"00000", "00002"}


def test_rows_to_compare_with_are_as_in_a_configuration(small):
    rows = ["average", {"name": "two levels", "type": "laplacian", "options": {"levels": 2}}]
    judged = judge({"Mine": Recorder()}, compare_with=rows)
    names = list(dict.fromkeys(judged.records["method"]))
    assert names == ["visible", "infrared", "average", "two levels", "Mine"]


def test_braces_and_spaces_in_names_are_only_characters(small):
    judged = judge({"Mine {x}": Recorder()}, out=small / "{stem}s" / "run")
    assert len(values(judged, "Mine {x}")) == 9


def test_the_run_directory_can_be_run_again_by_the_command(small):
    judged = judge({"Mine": Recorder()})
    assert ivif_bench.run(judged.folder / "config.yaml").summary.reused == 3
    assert ivif_bench.load_run("runs/mine").records.equals(judged.records)


def test_what_the_function_raises_comes_through_and_names_the_stem(small):
    def broken(infrared, visible):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as raised:
        judge({"Mine": broken})
    assert raised.value.__notes__ == ["while fusing: method 'Mine', dataset 'folder', stem '00000'"]


@pytest.mark.parametrize(
    ("methods", "changes", "message"),
    [
        ({}, {}, "methods: expected a name to a function"),
        (Recorder(), {}, "methods: expected a name to a function"),
        ({"Mine": 3}, {}, "methods: 'Mine' is int; expected a function, or fused images"),
        ({3: Recorder()}, {}, "methods: 3 is not a name"),
        ({"../Mine": Recorder()}, {}, "methods: '../Mine' is not a valid name"),
        ({"visible": Recorder()}, {}, "'visible' occurs twice; rows need different names"),
        ({"Mine": {}}, {}, r"no image for 3 of 3 stems: 00000, .* \(given: none\)"),
        ({"Mine": {}}, {"missing": "allow"}, "no image for 3 of 3 stems"),
        ({"Mine": {"0.png": 0}}, {}, r"no image for 3 of 3 .* \(given: 0.png\); add them"),
        ({"Mine": {s: np.ones((4, 4), np.uint8) for s in STEMS}}, {}, r"'00000': shape \[4, 4\]"),
        ({"Mine": {s: np.full((40, 48), np.nan) for s in STEMS}}, {}, "stem '00000': NaN"),
        ({"Mine": lambda infrared, visible: None}, {}, "stem '00000': NoneType instead of"),
    ],
)
def test_methods_that_are_none_are_refused_in_one_line(small, methods, changes, message):
    with pytest.raises(UserError, match=message) as raised:
        judge(methods, **changes)
    assert "\n" not in str(raised.value)
    assert not list(small.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "foldr"}, "unknown dataset layout 'foldr'; did you mean folder"),
        ({"root": "nowhere"}, "no such folder: nowhere"),
        ({"options": {"infrard": "ir"}}, "'?infrard'?.*did you mean infrared"),
        ({"tasks": {}}, "tasks: expected a section by task"),
        ({"tasks": ["quality"]}, "tasks: expected a section by task"),
        ({"tasks": {"qualty": {}}}, "unknown task 'qualty'; did you mean quality"),
        ({"tasks": {"quality": {"metrics": ["ENN"]}}}, "unknown metric 'ENN'; did you mean EN"),
        ({"tasks": {"detection": {}}}, "detection.protocol: this key is required"),
        ({"tasks": {"detection": {"protocol": "m3fd-det.v1"}}}, "'?folder'?"),
        ({"split": "official"}, "dataset 'folder' has no official split"),
        ({"compare_with": "average"}, r"compare_with: a list of rows is expected"),
        ({"compare_with": ["avrage"]}, "unknown fusion method 'avrage'; did you mean average"),
        ({"versions": {"Mien": "1"}}, "versions: no method 'Mien'; did you mean Mine"),
        ({"versions": {"Mine": 1}}, "versions: 'Mine' needs a text such as '1', not 1"),
        ({"versions": {"Mine": ""}}, "versions: 'Mine' needs a text"),
        ({"out": "pairs"}, "out: pairs contains other files; give a new folder"),
        ({"out": "pairs/ir/00000.png"}, "out: .* is a file; give a folder"),
        ({"out": "runs/.."}, r"out: '\.\.' cannot name a run"),
        ({"out": "my run"}, "out: 'my run' cannot name a run"),
        ({"workers": 0}, "workers: must be at least 1"),
    ],
)
def test_wrong_arguments_are_refused_before_a_function_is_called(small, changes, message):
    function = Recorder()
    with pytest.raises(UserError, match=message) as raised:
        judge({"Mine": function}, **changes)
    assert "\n" not in str(raised.value)
    assert function.calls == []


def test_a_call_that_was_refused_does_not_spoil_the_folder(small):
    with pytest.raises(UserError, match="official split"):
        judge({"Mine": Recorder()}, split="official")
    assert judge({"Mine": Recorder()}).summary.computed == 3


def test_a_run_of_the_command_line_is_not_overwritten(small):
    config = {
        "name": "mine",
        "datasets": {"pairs": {"layout": "folder", "root": "pairs"}},
        "methods": ["average"],
        "quality": {"dataset": "pairs", "metrics": METRICS},
    }
    ivif_bench.run(config)
    with pytest.raises(UserError, match="runs/mine contains other files"):
        judge({"Mine": Recorder()})


def test_images_given_have_no_version(small):
    with pytest.raises(UserError, match="versions: 'Mine' is given as images"):
        judge({"Mine": {stem: sources(stem)[0] for stem in STEMS}}, versions={"Mine": "1"})
