"""A file that cannot be imported, ours or a plug-in's, stops nobody but those who use it."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from plugins import in_tree, installed, replace_in_tree, write_plugin, write_tree
from small_runs import ivif, ivif_here, write_config, write_pairs

from ivif_bench.fusion import METHODS

BROKEN = "import not_installed_anywhere\n"
REASON = "ModuleNotFoundError: No module named 'not_installed_anywhere'"
METHOD = """from ivif_bench.fusion import FusionMethod, MethodSpec

SPECS = (MethodSpec(name="third", entry="{entry}", title="Third", paper="", licence=""),)


class Third(FusionMethod):
    def fuse(self, infrared, visible, seeds):
        return infrared


class Another:
    pass
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory, repository):
    """A copy of the package, and beside it a folder of two pairs and configurations."""
    folder = tmp_path_factory.mktemp("tree")
    write_pairs(folder / "pairs", 2, (176, 208))
    return write_tree(folder, repository)


@contextmanager
def without(tree, *paths):
    """The tree while these files cannot be imported."""
    links = {path: in_tree(tree, path).readlink() for path in paths}
    try:
        for path in paths:
            replace_in_tree(tree, path, BROKEN)
        yield {"PYTHONPATH": str(tree)}
    finally:
        for path, link in links.items():
            in_tree(tree, path).unlink()
            in_tree(tree, path).symlink_to(link)


def refused(done):
    """The one line of a command that was refused."""
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("ivif-bench: ")
    return line


USES = [
    ("fusion_models/baselines.py", "methods", {"methods": ["laplacian"]}),
    (
        "bench/data/layouts/tno.py",
        "datasets",
        {"datasets": {"pairs": {"layout": "tno", "root": "pairs"}}},
    ),
    ("tasks/quality/__init__.py", "tasks", {}),
    (
        "tasks/quality/metrics/scd.py",
        "metrics",
        {"quality": {"dataset": "pairs", "metrics": ["EN", "SCD"]}},
    ),
    (
        "tasks/quality/conventions/zoo.py",
        "conventions",
        {"quality": {"dataset": "pairs", "convention": "zoo"}},
    ),
    ("reports/formats/csv.py", "formats", {"report": {"formats": ["csv"]}}),
    ("reports/tables/quality.py", "tables", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "kind", "changes"), USES, ids=[path for path, _, _ in USES])
def test_list_shows_a_broken_file_and_what_uses_it_is_refused(tree, path, kind, changes):
    config = write_config(tree, **changes)
    with without(tree, path) as variables:
        listed = ivif("list", kind, variables=variables)
        validated = ivif("validate", config, variables=variables)
    assert listed.returncode == 0, listed.stderr
    fault = f"broken: {in_tree(tree, path)}:1: {REASON}"
    assert sum(line.endswith(fault) for line in listed.stdout.splitlines()) == 1
    assert len(listed.stdout.splitlines()) > 1
    assert f"{in_tree(tree, path)}:1: {REASON}" in refused(validated)


@pytest.mark.slow
def test_a_run_works_beside_broken_files_that_it_does_not_use(tree):
    paths = (
        "fusion_models/dmnet/__init__.py",
        "bench/data/layouts/tno.py",
        "tasks/segmentation/__init__.py",
        "tasks/detection/detectors/ultralytics_yolo.py",
        "tasks/quality/metrics/viff.py",
        "tasks/quality/conventions/zoo.py",
        "reports/formats/latex.py",
        "reports/tables/segmentation.py",
    )
    config = write_config(
        tree,
        quality={"dataset": "pairs", "metrics": ["EN"]},  # few kernels to compile in the copy
        report={"panels": 0, "formats": ["markdown"]},
    )
    with without(tree, *paths) as variables:
        done = ivif("run", config, "--json", variables=variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] == 3


def plugin(folder, text):
    """Settings under which a plug-in of one method is installed."""
    write_plugin(folder / "site", {"plug_third.py": text}, {"ivif_bench.methods": "plug_third"})
    return {"PYTHONPATH": str(folder / "site")}


@pytest.mark.slow
def test_a_broken_plug_in_is_listed_and_stops_only_its_users(tmp_path):
    variables = plugin(tmp_path, 'SPECS = (\n    "third"\n    2,\n')
    write_pairs(tmp_path / "pairs", 2, (176, 208))
    place = f"{tmp_path}/site/plug_third.py"

    listed = ivif("list", "methods", "--json", variables=variables)
    items = json.loads(listed.stdout)
    assert [item["name"] for item in items if "broken" not in item] == sorted(
        item["name"] for item in items if item["name"] != "plug_third"
    )
    assert items[-1].keys() == {"name", "module", "file", "broken"}
    assert items[-1]["file"].startswith(f"{place}:")
    assert items[-1]["broken"].startswith("SyntaxError: ")

    fine = write_config(tmp_path, methods=["visible"])
    with installed(tmp_path / "site", METHODS):
        assert ivif_here("validate", fine).returncode == 0
    theirs = write_config(tmp_path, methods=["visible", "third"])
    for command in ("validate", "run"):
        with installed(tmp_path / "site", METHODS):
            line = refused(ivif_here(command, theirs))
        assert "methods.1: fusion method 'third' cannot be used: " in line
        assert place in line
        assert "SyntaxError" in line


@pytest.mark.slow
def test_a_plug_in_whose_module_is_gone_is_listed(tmp_path):
    write_plugin(tmp_path, {}, {"ivif_bench.methods": "plug_gone"})
    done = ivif("list", "methods", variables={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split("broken: ")[1] == (
        "entry point 'own' of plug in group ivif_bench.methods: "
        "ModuleNotFoundError: No module named 'plug_gone'"
    )


def test_a_plug_in_that_takes_a_name_of_ours_stops_only_users_of_that_name(tmp_path):
    plugin(tmp_path, METHOD.format(entry="Third").replace('"third"', '"average"'))
    write_pairs(tmp_path / "pairs", 2, (176, 208))
    with installed(tmp_path / "site", METHODS):
        others = ivif_here("validate", write_config(tmp_path, methods=["max"]))
        line = refused(ivif_here("validate", write_config(tmp_path, methods=["average"])))
    assert others.returncode == 0, others.stderr
    assert "'average' is declared here and in " in line
    assert "rename one of them" in line


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("Thrd", "entry 'plug_third:Thrd': plug_third has no 'Thrd'; did you mean Third?"),
        ("Another", "must be a class derived from FusionMethod or PrecomputedImages"),
        ("plug_none:Third", "ModuleNotFoundError: No module named 'plug_none'"),
    ],
)
def test_a_run_with_a_wrong_entry_stops_with_one_line(tmp_path, entry, words):
    plugin(tmp_path, METHOD.format(entry=entry))
    write_pairs(tmp_path / "pairs", 2, (176, 208))
    with installed(tmp_path / "site", METHODS):
        done = ivif_here("fuse", write_config(tmp_path, methods=["third"]))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plug_in_with_an_entry_in_its_own_file_runs(tmp_path):
    plugin(tmp_path, METHOD.format(entry="Third"))
    write_pairs(tmp_path / "pairs", 2, (176, 208))
    with installed(tmp_path / "site", METHODS):
        done = ivif_here("fuse", write_config(tmp_path, methods=["third"]))
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs").rglob("fused/**/*.png"))) == 2


def test_a_method_registered_as_precomputed_must_be_of_that_kind(tmp_path):
    text = METHOD.format(entry="Third").replace('licence=""', 'licence="", precomputed=True')
    plugin(tmp_path, text)
    write_pairs(tmp_path / "pairs", 2, (176, 208))
    with installed(tmp_path / "site", METHODS):
        line = refused(ivif_here("run", write_config(tmp_path, methods=["third"])))
    assert "Third must derive from PrecomputedImages" in line
