"""``validate`` before anything is downloaded: what is to be had, how large it is, what the run costs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_runs import ivif_here, write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.pipeline.outlook import absent_data, absent_files, costs

REPOSITORY = Path(__file__).parents[2]
CONFIGS = sorted((REPOSITORY / "configs").rglob("*.yaml"))
RUNS = [path for path in CONFIGS if "splits" not in path.parts]


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data beside the configuration, and none in the folders that variables name."""
    monkeypatch.chdir(tmp_path)
    for name in ("IVIF_BENCH_DATA", "IVIF_BENCH_SHARED", "IVIF_BENCH_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))


@pytest.mark.parametrize("path", RUNS, ids=[str(p.relative_to(REPOSITORY)) for p in RUNS])
def test_every_configuration_is_valid_and_names_all_that_it_lacks(
    path: Path, nothing_here: None
) -> None:
    config = load_config(path)
    lacking = absent_data(config)
    assert len(lacking) == sum(data.demo is None for data in config.datasets.values())
    for line, name in zip(
        lacking, [n for n, d in config.datasets.items() if d.demo is None], strict=True
    ):
        assert re.match(rf"to (download|provide): datasets\.{name} in", line)
        assert config.datasets[name].root in line


def test_the_papers_configurations_have_their_methods_and_lists() -> None:
    papers = {path.stem: load_config(path) for path in RUNS if path.parent.name == "papers"}
    assert sorted(papers) == ["ddfm", "dmfuse", "dmnet"]
    for name, config in papers.items():
        assert name in [row.name for row in config.methods]
        assert config.table
    rows = [row.name for row in load_config(REPOSITORY / "configs" / "m3fd-msrs.yaml").methods]
    assert {"ddfm", "dmfuse", "dmnet"} <= set(rows)


def test_sizes_links_and_files_of_the_papers_run(nothing_here: None) -> None:
    config = load_config(REPOSITORY / "configs" / "m3fd-msrs.yaml")
    m3fd, msrs = absent_data(config)
    assert "4,200 pairs, about 5.7 GB" in m3fd
    assert "github.com/JinyuanLiu-CV/TarDAL" in m3fd
    assert "1,444 pairs, about 1.1 GB by its pixels" in msrs  # 4 x 640 x 480 x 1,444 x 0.6 bytes
    files = "\n".join(absent_files(config))
    assert "weights of ddfm: 256x256_diffusion_uncond.pt, 2.2 GB; https://openaipublic" in files
    assert "'ivif-bench weights fetch ddfm'" in files
    assert "weights of dmfuse: dmfuse/model.model, 2.6 MB" in files
    assert "'ivif-bench train dmnet' makes it" in files
    assert "weights/yolov5xu.pt for detection" in files


@pytest.mark.slow
def test_costs_are_operations_of_all_images_and_results_of_all_rows(nothing_here: None) -> None:
    path = REPOSITORY / "configs" / "m3fd-msrs.yaml"
    lines = {line.partition(":")[0]: line for line in costs(load_config(path))}
    # By the sheets' counts: 4,200 x 2,848 and 1,444 x 1,071 TFLOP; segmentation needs all of MSRS.
    expected = (4200 * 2848 + 1444 * 1071) / 1e3
    found = float(lines["cost of ddfm"].split("about ")[1].split(" PFLOP")[0].replace(",", ""))
    assert found == pytest.approx(expected, rel=0.01)
    assert "5,644 images" in lines["cost of ddfm"]
    assert "24 trainings of yolov5x" in lines["cost of detection on m3fd"]  # 8 rows, 3 seeds
    assert "of one processor core" in lines["cost of laplacian"]


def test_a_run_with_its_data_is_valid_and_one_without_says_so(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 2, (176, 184))
    config = write_config(tmp_path)
    done = ivif_here("validate", config)
    assert done.returncode == 0, done.stderr
    assert "cost of laplacian: 2 images" in done.stdout
    assert "cost of quality on pairs: 3 results" in done.stdout
    (tmp_path / "pairs").rename(tmp_path / "elsewhere")
    done = ivif_here("validate", config)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"no such folder: {tmp_path / 'pairs'}" in line
    assert "to provide: datasets.pairs" in done.stdout
