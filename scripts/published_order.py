"""Whether a run orders methods as published sheets do: Kendall's tau and Spearman's rho of each metric.

    python scripts/published_order.py runs/compared --data ../shared/data

The methods are those that run and sheet have in common. The sheet of 42 TNO pairs is averaged over the
images that the run has too; that of VIFB, whose pairs are others, over all of its own. With few methods
a perfect order says little: of four, one order in 24 is.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from ivif_bench import load_run
from ivif_bench.reports.statistics.association import associate

# Name in the run to name in the sheet; metric to the sheet's.
TNO42 = (
    {
        "densefuse": "DenseFuse",
        "ifcnn-tno42": "IFCNN",
        "seafusion": "SeAFusion",
        "u2fusion": "U2Fusion",
    },
    {name: name for name in ("EN", "SF", "AG", "SD", "SCD", "MI", "VIF", "Qabf", "CC")},
)
VIFB = (
    {
        "ifcnn-tno42": "IFCNN",
        "seafusion": "SeAFusion",
        "u2fusion": "U2Fusion",
        "ydtr": "YDTR",
    },
    {
        "EN": "Entropy",
        "SF": "Spatial_frequency",
        "AG": "Avg_gradient",
        "SD": "Variance",
        "MI": "Mutinf",
        "Qabf": "Qabf",
        "SSIM": "Ssim",
    },
)

Means = Mapping[str, Mapping[str, float]]  # metric, method


def sheet(path: Path, images: Collection[str] | None = None) -> Means:
    """Means of a sheet with the columns image, method, metric, value."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["method"] != "method" and (images is None or row["image"] in images):
                found[row["metric"]][row["method"]].append(float(row["value"]))
    return {
        metric: {method: statistics.fmean(values) for method, values in methods.items()}
        for metric, methods in found.items()
    }


def lines(
    title: str, ours: Means, theirs: Means, methods: Mapping[str, str], metrics: Mapping[str, str]
) -> list[str]:
    """Rows of the table: sheet, metric, tau, rho, our order, the sheet's order."""
    found = []
    for metric, column in metrics.items():
        if metric not in ours or column not in theirs:
            continue
        both = [
            one for one, other in methods.items() if other in theirs[column] and one in ours[metric]
        ]
        if len(both) < 3:
            continue
        mine = np.array([ours[metric][one] for one in both])
        printed = np.array([theirs[column][methods[one]] for one in both])
        result = associate(mine, printed)
        orders = (
            " > ".join(methods[both[index]] for index in np.argsort(-values))
            for values in (mine, printed)
        )
        found.append(
            f"| {title} | {metric} | {result.tau:.2f} | {result.rho:.2f} | {' | '.join(orders)} |"
        )
    return found


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run directory with the dataset 'tno'")
    parser.add_argument("--data", type=Path, required=True, help="folder with TNO42 and VIFB")
    chosen = parser.parse_args()
    frame = load_run(chosen.run).records
    frame = frame[(frame["dataset"] == "tno") & (frame["task"] == "quality")].dropna(subset="stem")
    stems = set(frame["stem"])
    ours = {
        metric: dict(group.groupby("method")["value"].mean())
        for metric, group in frame.groupby("metric")
    }
    print("| sheet | metric | τ | ρ | here | in the sheet |")
    print("|---|---|---:|---:|---|---|")
    for title, (methods, metrics), images in (("TNO42", TNO42, stems), ("VIFB", VIFB, None)):
        theirs = sheet(chosen.data / title / "metrics_matlab.csv", images)
        print("\n".join(lines(title, ours, theirs, methods, metrics)))


if __name__ == "__main__":
    main()
