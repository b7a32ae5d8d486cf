"""The ablation of the DDFM paper (Table 2), with the published rows beside ours.

    python scripts/ddfm_ablation.py --data tno=../shared/data/TNO42 --count 4

Rows: I no DDPM (the EM step alone, as many iterations), II no smoothness term, III and IV no
inference but phi fixed to 0.1 and 1, by ADMM, and the whole method. Every row runs the
released variant unless --variant says otherwise. The published rows are of OpenAI's prior on other pairs:
compare the order of rows, not numbers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from ivif_bench.data.base import open_dataset
from ivif_bench.data.images import encode_png
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models.ddfm.published import TABLE_2, TABLE_2_METRICS
from ivif_bench.pipeline.fuse import fuse_one
from ivif_bench.tasks.quality.folder import score_folder
from ivif_bench.types import Pair

ROWS: dict[str, dict[str, Any]] = {
    "I": {"ablation": "no_ddpm"},
    "II": {"ablation": "no_tv"},
    "III": {"ablation": "phi_0.1"},
    "IV": {"ablation": "phi_1"},
    "Ours": {},
}
TITLES = {
    "I": "no DDPM",
    "II": "no TV",
    "III": "no Bayes, φ = 0.1",
    "IV": "no Bayes, φ = 1",
    "Ours": "all",
}


def main() -> None:
    """Fuse a handful of pairs with every row and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, help="LAYOUT=FOLDER")
    parser.add_argument("--count", type=int, default=4, help="pairs, spread evenly over the data")
    parser.add_argument("--method", default="ddfm-lite", choices=("ddfm", "ddfm-lite"))
    parser.add_argument("--weights", help="file of the prior")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--variant", default="released", choices=("released", "paper"))
    parser.add_argument("--convention", default="cddfuse")
    parser.add_argument("--out", type=Path, help="keep the images in this folder")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count must be at least 1")
    if arguments.out:
        run(arguments, arguments.out)
        return
    with tempfile.TemporaryDirectory(prefix="ddfm-ablation-") as folder:
        run(arguments, Path(folder))


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Fuse, score and print; images are left in ``folder``."""
    layout, _, root = arguments.data.partition("=")
    pairs = chosen(open_dataset(layout, Path(root)).pairs, arguments.count)
    common = {"steps": arguments.steps, "variant": arguments.variant}
    if arguments.weights:
        common["weights"] = arguments.weights
    for row, options in ROWS.items():
        method = METHODS.load(arguments.method)(**common, **options)
        with torch.inference_mode():
            for pair in pairs:
                write_bytes(
                    folder / row / f"{pair.stem}.png", encode_png(fuse_one(method, job(pair), 0))
                )
        print(f"{row}: {len(pairs)} pairs fused", flush=True)
    for side in ("infrared", "visible"):
        for pair in pairs:
            source: Path = getattr(pair, side)
            write_bytes(folder / side / f"{pair.stem}{source.suffix}", source.read_bytes())
    scores = score_folder(
        folder / "infrared",
        folder / "visible",
        {row: folder / row for row in ROWS},
        TABLE_2_METRICS,
        arguments.convention,
    ).to_json()["methods"]
    means = {row: [scores[row]["mean"][name] for name in TABLE_2_METRICS] for row in ROWS}
    print(table(means))
    print(
        f"\nOurs: {arguments.method}, {len(pairs)} pairs of {layout}, {arguments.steps} steps, variant "
        f"{arguments.variant}, convention {arguments.convention}. "
        "Published: Zhao et al., ICCV 2023, Table 2, RoadScene."
    )


def chosen(pairs: tuple[Pair, ...], count: int) -> list[Pair]:
    """So many pairs, spread evenly."""
    return [pairs[index * len(pairs) // count] for index in range(min(count, len(pairs)))]


def job(pair: Pair) -> dict[str, str]:
    """A pair as the pipeline describes it."""
    return {
        "dataset": pair.dataset,
        "stem": pair.stem,
        "infrared": str(pair.infrared),
        "visible": str(pair.visible),
    }


def table(means: dict[str, list[float]]) -> str:
    """Markdown in the layout of Table 2: a line of ours and one published for every row."""
    lines = [
        f"| row | change | source | {' | '.join(TABLE_2_METRICS)} |",
        "|---|---|---|" + "---:|" * 6,
    ]
    for row, title in TITLES.items():
        for source, values in (("ours", means[row]), ("published", TABLE_2[row])):
            cells = " | ".join(f"{value:.2f}" for value in values)
            lines.append(f"| {row} | {title} | {source} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except UserError as problem:
        sys.exit(f"ddfm_ablation: {problem}")
