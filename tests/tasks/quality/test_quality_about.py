"""What tables say of measurements: the same for a run and for folders."""

from __future__ import annotations

import pytest
from small_runs import write_pairs

from ivif_bench.reports.given import report_of
from ivif_bench.tasks.quality.about import about, protocol_name
from ivif_bench.tasks.quality.engine import resolve
from ivif_bench.tasks.quality.folder import score_folder
from ivif_bench.tasks.quality.task import QualitySection


@pytest.mark.parametrize(
    ("mode", "device", "kind", "name"),
    [
        ("exact", "cpu", "", "quality-vifb.v1"),
        ("fast", "cpu", "", "quality-vifb-fast.v1"),
        ("exact", "cuda:1", "cuda", "quality-vifb-cuda.v1"),
    ],
)
def test_a_protocol_has_one_name(mode, device, kind, name):
    section = QualitySection(dataset="x", convention="vifb", mode=mode, device=device)
    assert section.protocol == protocol_name("vifb", mode, kind) == name


def test_directions_and_variants_are_those_of_the_convention():
    said = about(resolve(["MI", "MSE"], "cddfuse", "fast"))
    assert said.convention == "cddfuse (fast mode; MI in nats)"
    assert dict(said.metrics) == {"MI": "up", "MSE": "down"}
    assert said.scorer == ""


def test_a_table_of_a_device_names_it_and_what_the_cpu_computed(tmp_path):
    write_pairs(tmp_path / "pairs", 2, (96, 104))
    write_pairs(tmp_path / "fused", 2, (96, 104), seed=1)
    fused = {"m": tmp_path / "fused" / "vi"}
    sources = (tmp_path / "pairs" / "ir", tmp_path / "pairs" / "vi")
    found = score_folder(*sources, fused, ["EN", "VIFF"], batched=True)
    (table,) = report_of(found.records(), found.about, found.remarks()).tables
    assert any(
        line.startswith("Scorer: batches of images by torch on cpu") for line in table.footer
    )
    assert "Computed on the CPU, not implemented in torch: VIFF." in table.footer
    plain = score_folder(*sources, fused, ["EN", "VIFF"])
    (table,) = report_of(plain.records(), plain.about).tables
    assert not any("torch on" in line for line in table.footer)
