"""DMNet: dense multiscale fusion network (IEEE Internet of Things Journal 12(19), 2025).

No code or weights of it were published: this is a re-implementation from the paper's text.
``network`` documents every choice that the text does not specify, as does docs/methods/dmnet.md.
"""

from __future__ import annotations

from ivif_bench.ablation import AblationSpec
from ivif_bench.fusion import MethodSpec, Publication, WeightsSpec
from ivif_bench.fusion_models.dmnet.options import DMNetOptions
from ivif_bench.fusion_models.dmnet.recipes import PRESETS, Settings
from ivif_bench.training import TrainingSpec

_PAPER = "DMNet, IEEE Internet of Things Journal 12(19), 2025, from p. 40347; re-implemented from its text"

_BIBTEX = """\
@article{dmnet2025,
  key = {DMNet},
  title = {{DMNet}},
  note = {Authors and full title: see the journal, from p.~40347},
  journal = {IEEE Internet of Things Journal},
  volume = {12},
  number = {19},
  year = {2025}
}
"""
_PUBLISHED = Publication(
    "IEEE Internet of Things Journal 12(19), from p. 40347",
    2025,
    "github.com/Pancy9476/DMNet",
    "c40be13",
    _BIBTEX,
)

SPECS = (
    MethodSpec(
        name="dmnet",
        entry="ivif_bench.fusion_models.dmnet.method:DMNetFusion",
        title="DMNet",
        paper=_PAPER,
        licence="code Apache-2.0; no weights were published, those that you train are yours",
        published=_PUBLISHED,
        stride=16,
        parameters=386_247_442,
        counted="ivif_bench.fusion_models.dmnet.cost:count_operations",
        options=DMNetOptions,
        weights=(
            WeightsSpec(
                name="dmnet.safetensors",
                source="none was published; 'ivif-bench train dmnet' makes it",
                terms="yours: made by 'ivif-bench train dmnet', under the terms of your data",
            ),
        ),
        alternative="dmnet-lite",
    ),
    MethodSpec(
        name="dmnet-lite",
        entry="ivif_bench.fusion_models.dmnet.method:DMNetLite",
        title="DMNet-lite",
        paper=f"the topology of {_PAPER}; narrow, not the paper's model",
        licence="code Apache-2.0; weights for research only, see fusion_models/weights/dmnet-lite.md",
        published=_PUBLISHED,
        stride=16,
        parameters=1_555_846,
        seconds=13.5,
        options=DMNetOptions,
        weights=(
            WeightsSpec(
                name="dmnet-lite.safetensors",
                sha256="a89348501adb7b48b3e6466d697364ddf2384a8a60b3ae28469ba430e1463225",
                terms="research only: trained on RoadScene (no licence) and LLVIP (non-commercial)",
                shipped=True,
            ),
        ),
    ),
)

TRAININGS = (
    TrainingSpec(
        name="dmnet",
        entry="ivif_bench.fusion_models.dmnet.training:train_dmnet",
        title="DMNet, both stages",
        presets=PRESETS,
        options=Settings,
    ),
)

ABLATIONS = tuple(
    AblationSpec(
        name=name,
        entry=f"ivif_bench.fusion_models.dmnet.ablations:{rows}",
        title=title,
        method="dmnet",
        lite="dmnet-lite",
        training="dmnet",
        preset="paper",
        lite_preset="lite",
    )
    for name, rows, title in (
        ("dmnet-5", "TABLE_5", "Ablation of DMNet, rows of its Table V as its text describes them"),
        (
            "dmnet-6",
            "TABLE_6",
            "DMNet with other gradient operators in its loss, as in its Table VI",
        ),
    )
)
