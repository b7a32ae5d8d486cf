"""Real images, whole chain: one command from pairs to tables, with honest captions."""

from __future__ import annotations

import pytest
import yaml
from small_runs import ivif

from ivif_bench.reports.frame import load_run

# Nothing here depends on how long is trained, nor on how many methods of one kind there are.
SHORTER = {
    "sample-det.v1": lambda recipe: recipe["training"].update(epochs=2),
    "sample-seg.v1": lambda recipe: recipe.update(iterations=8, warmup=2),
}
LEFT_OUT = ("average", "max")  # as `laplacian`, which stays


def _shorter(section, repository, folder):
    """A file of the section's protocol with a shorter training, the protocol's own if it has none."""
    name = section["protocol"]
    if name in SHORTER:
        (shipped,) = (repository / "tasks").glob(f"*/protocols/{name}.yaml")
        recipe = yaml.safe_load(shipped.read_text())
        SHORTER[name](recipe)
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(recipe))
        section["protocol"] = str(path)


@pytest.fixture(scope="module")
def finished(repository, shared, tmp_path_factory):
    """The run of configs/real-sample.yaml, with shorter trainings, in a folder of its own."""
    folder = tmp_path_factory.mktemp("real")
    content = yaml.safe_load((repository / "configs" / "real-sample.yaml").read_text())
    content["runs"] = str(folder / "runs")
    for section in [*content["detection"], content["segmentation"]]:
        _shorter(section, repository, folder)
    for section in content["quality"] + content["detection"] + [content["segmentation"]]:
        if "split" in section:
            section["split"] = str(repository / section["split"])
    content["methods"] = [each for each in content["methods"] if each not in LEFT_OUT]
    config = folder / "real-sample.yaml"
    config.write_text(yaml.safe_dump(content))
    done = ivif(
        "run", config, cwd=repository, timeout=1800, variables={"IVIF_BENCH_SHARED": str(shared)}
    )
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "real-sample"


@pytest.mark.slow
@pytest.mark.golden
def test_every_planned_result_is_there(finished):
    run = load_run(finished)
    assert run.missing == ()
    assert {unit.task for unit in run.results} == {"quality", "detection", "segmentation"}


@pytest.mark.slow
@pytest.mark.golden
def test_captions_that_rest_on_pseudo_labels_say_so_in_every_format(finished):
    for path in (finished / "report").glob("segmentation-*"):
        if path.suffix in {".md", ".tex", ".csv"}:
            assert "PSEUDO LABELS" in path.read_text(), path
    assert "PSEUDO LABELS" in (finished / "report" / "tables.md").read_text()


@pytest.mark.slow
@pytest.mark.golden
def test_zero_shot_on_msrs_gives_the_ap_of_the_checkpoint_and_fusion_is_ahead(finished):
    frame = load_run(finished).frame
    mine = frame[(frame["dataset"] == "msrs-detection") & (frame["class_name"] == "")]
    value = mine.set_index(["method", "metric"])["value"].to_dict()
    fused = "SeAFusion"
    # As in tests/tasks/detection/test_yolov5_original.py, which says why they are exact.
    for method, ap, ap50 in (
        ("visible", 0.418552, 0.739860),
        ("infrared", 0.441941, 0.661601),
        (fused, 0.503611, 0.744220),
    ):
        assert value[method, "mAP50_95"] == pytest.approx(ap, abs=1e-4)
        assert value[method, "mAP50"] == pytest.approx(ap50, abs=1e-4)
    assert value[fused, "mAP50_95"] > max(
        value["visible", "mAP50_95"], value["infrared", "mAP50_95"]
    )


@pytest.mark.slow
@pytest.mark.golden
def test_methods_without_some_images_are_never_averaged_over_the_hole(finished):
    text = (finished / "report" / "tables.md").read_text()
    assert "SAGE" in text
    assert "IGNet" in text
    assert "—" in text or "–" in text
