"""``evaluate_folder``: one folder or several, values and tables."""

from __future__ import annotations

import csv
import io
import json

import pytest
from small_runs import write_pairs

from ivif_bench import UserError, evaluate, evaluate_folder


@pytest.fixture
def folders(tmp_path):
    """Ten pairs, and other images in place of fused ones."""
    for seed, name in enumerate(("pairs", "one", "two")):
        write_pairs(tmp_path / name, 10, (40, 48), seed)
    return tmp_path / "pairs" / "ir", tmp_path / "pairs" / "vi", tmp_path


def test_one_folder_is_a_method_by_its_name(folders):
    infrared, visible, root = folders
    scores = evaluate_folder(infrared, str(visible), root / "one" / "vi", ["EN"], mode="fast")
    assert (list(scores.methods), scores.scores.mode) == (["vi"], "fast")
    for stem, value in scores.to_json()["images"].items():
        fused = root / "one" / "vi" / f"{stem}.png"
        single = evaluate(infrared / fused.name, visible / fused.name, fused, ["EN"], mode="fast")
        assert value == single


def test_several_folders_are_one_table_in_any_format(folders):
    infrared, visible, root = folders
    fused = {"a": root / "one" / "vi", "b": str(root / "two" / "vi")}
    scores = evaluate_folder(infrared, visible, fused, ["EN", "MSE"])
    assert list(scores.methods) == ["a", "b"]
    assert len(list(csv.reader(io.StringIO(scores.to_csv())))) == 1 + 2 * 10
    means = {name: scores.methods[name].mean("MSE") for name in fused}
    table = json.loads(scores.table("json", title="Drawn"))["tables"][0]
    assert table["caption"].startswith("Fusion quality on Drawn, mean over 10 images.")
    assert table["name"] == "quality-Drawn"
    found = {row["method"]: row["cells"]["MSE"] for row in table["rows"]}
    assert {name: cell["value"] for name, cell in found.items()} == means
    best = min(means, key=means.__getitem__)
    assert {name: cell["rank"] for name, cell in found.items()} == {
        name: "best" if name == best else "second" for name in fused
    }
    assert f"**{means[best]:.4f}**" in scores.table()


def test_an_unknown_format_is_refused(folders):
    infrared, visible, root = folders
    scores = evaluate_folder(infrared, visible, root / "one" / "vi", ["EN"])
    with pytest.raises(UserError, match="unknown report format 'latx'; did you mean latex"):
        scores.table("latx")
