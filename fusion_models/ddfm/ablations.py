"""Rows of the DDFM paper's Table 2.

The paper names each change and gives no equations for rows III and IV; the docs say what was chosen.
"""

from __future__ import annotations

from ivif_bench.ablation import AblationRow

_ADMM = "the paper names ADMM and gives no updates: those in docs/methods/ddfm.md are used"

TABLE_2 = (
    AblationRow(
        "I",
        "I: no DDPM",
        {"ablation": "no_ddpm"},
        remark="where EM starts is not in the paper: here at the average of the sources",
    ),
    AblationRow("II", "II: no total variation", {"ablation": "no_tv"}),
    AblationRow("III", "III: phi = 0.1, ADMM", {"ablation": "phi_0.1"}, remark=_ADMM),
    AblationRow("IV", "IV: phi = 1, ADMM", {"ablation": "phi_1"}, remark=_ADMM),
    AblationRow("all", "all"),
)
