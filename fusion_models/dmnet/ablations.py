"""Rows of the DMNet paper's Tables V and VI, as far as its text describes them.

The tables themselves were not seen. Rows whose change the text does not state have no settings; what it
does say of them can be run as parts of their own.
"""

from __future__ import annotations

from ivif_bench.ablation import AblationRow
from ivif_bench.fusion_models.dmnet.recipes import PRESETS

_NAMES = tuple(f"ae{number}" for number in range(1, 15))
_TITLES = {
    "ae1": "AE1: stage II only",
    "ae13": "AE13: no DM",
    "ae14": "AE14: no CSAB",
    "no-dtb-dib": "no DTB, no DIB",
    "no-dib": "no DIB",
    "no-dtb": "no DTB",
}
_PARTS = "Parts of undefined rows"
_OF = {"no-dtb-dib": "AE2, AE3, AE10", "no-dib": "AE7, AE12", "no-dtb": "AE8, AE9, AE11"}
# The small recipe counts steps, not epochs: stage II as long as both stages.
_BOTH_STAGES = sum(
    int(PRESETS["lite"].settings[name]) for name in ("stage_one_steps", "stage_two_steps")
)


def _row(name: str) -> AblationRow:
    preset = PRESETS[name]
    return AblationRow(
        name,
        _TITLES.get(name, name.upper()),
        settings=preset.settings,
        lite_settings={"stage_two_steps": _BOTH_STAGES} if name == "ae1" else {},
        undefined=preset.refused,
        remark=f"only the part of {_OF[name]} that the paper's text states" if name in _OF else "",
        group=_PARTS if name in _OF else "",
    )


TABLE_5 = (*map(_row, _NAMES), AblationRow("full", "full"), *map(_row, _OF))

_CANNY = (
    "the paper gives neither thresholds nor a differentiable form of Canny: this project's, see "
    "docs/methods/dmnet.md"
)
TABLE_6 = (
    # The network with Sobel is the full one of Table V, and is trained once.
    AblationRow("full", "Sobel"),
    AblationRow("canny", "Canny", settings={"gradient_operator": "canny"}, remark=_CANNY),
    AblationRow("log", "LoG", settings={"gradient_operator": "log"}),
    AblationRow("roberts", "Roberts", settings={"gradient_operator": "roberts"}),
)
