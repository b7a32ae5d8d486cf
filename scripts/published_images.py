"""Images that authors published beside ours from their weights, whole, as a Markdown table.

    python scripts/published_images.py --data ../shared/data
    python scripts/published_images.py --data ../shared/data --into docs/methods/compared.md

The second form replaces what stands between the two marks in the page. ``--only NAME`` takes the rows of
one method; repeat it. Columns: images, largest difference in gray levels, mean difference, and the largest
share of samples of one image that differ.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.images import read_stored
from ivif_bench.files import write_bytes
from ivif_bench.fusion import METHODS, FusionMethod

MARKS = ("<!-- published images -->\n", "<!-- end of published images -->")
_TNO42 = tuple(f"{number:02d}" for number in range(1, 32, 2))
_TNO = ("05", "07", "11", "13", "15", "21")


@dataclass(frozen=True)
class Row:
    """Images of one source, made by one method with fixed options.

    Attributes:
        method: registered name.
        weights: file in the folder ``weights``.
        source: text on who published the images.
        images: fused, infrared, visible; relative to the data folder.
        options: of the method.
    """

    method: str
    weights: str
    source: str
    images: tuple[tuple[str, str, str], ...]
    options: dict[str, Any] = field(default_factory=dict)


def rows(data: Path) -> Iterator[Row]:
    """All rows, in the order of the table."""

    def tno(folder: str, numbers: tuple[str, ...] = _TNO) -> tuple[tuple[str, str, str], ...]:
        return tuple(
            (f"{folder}/{n}.png", f"TNO42/ir/{n}.png", f"TNO42/vi/{n}.png") for n in numbers
        )

    pack, tf = "pack of 42 TNO pairs", "compared/tf"
    road = tuple(
        (f"published_fused/RoadScene/U2Fusion/{path.name}", *_sides(data, path.stem))
        for path in sorted((data / "published_fused/RoadScene/U2Fusion").iterdir())
    )
    yield Row("u2fusion", f"{tf}/U2Fusion.ckpt.index", "RoadScene", road)
    vifb = {"convention": "vif-benchmark"}
    yield Row("u2fusion", f"{tf}/U2Fusion.ckpt.index", pack, tno("published_fused/U2Fusion"), vifb)
    yield Row("densefuse", f"{tf}/DenseFuse-tf.index", pack, tno("TNO42/fused/DenseFuse", _TNO42))
    yield Row("sdnet", f"{tf}/SDNet-IRVIS.index", pack, tno("published_fused/SDNet"))
    road = tuple((one[0].replace("U2Fusion", "PMGI"), *one[1:]) for one in road)
    yield Row("pmgi", f"{tf}/PMGI.index", "RoadScene", road)
    authors = tuple(
        tuple(
            f"published_fused/PMGI-authors/{n}.{side}.bmp" for side in (f"F9_0{n - 1}", "ir", "vi")
        )
        for n in (1, 2, 3, 4)
    )
    yield Row("pmgi", f"{tf}/PMGI.index", "authors", authors)
    yield Row("seafusion", "SeAFusion.pth", pack, _listed(data, "seafusion"))
    msrs = tuple(
        (f"MSRS_fused/SeAFusion/test/{n}.png", f"MSRS/test/ir/{n}.png", f"MSRS/test/vi/{n}.png")
        for n in ("00004N", "00085D", "00151D")
    )
    yield Row("seafusion", "SeAFusion.pth", "MSRS, authors", msrs)
    tno42 = {"convention": "tno42"}
    yield Row("ifcnn", "IFCNN-MAX.pth", "authors, Code/results", _listed(data, "ifcnn_authors"))
    yield Row("ifcnn", "IFCNN-MAX.pth", pack, _listed(data, "ifcnn"), tno42)
    results = _listed(data, "ifcnn_results_iv")
    yield Row("ifcnn", "IFCNN-MAX.pth", "authors, Results", results, tno42)
    encoder = "compared/torch/DIDFuse-Encoder.pkl"
    yield Row("didfuse", encoder, "authors, TNO", _listed(data, "didfuse"))
    torch = "compared/torch"
    yield Row("ydtr", f"{torch}/YDTR.pth", "authors, TNO", _listed(data, "ydtr"))
    yield Row("datfuse", f"{torch}/DATFuse.pth", "authors, TNO", _listed(data, "datfuse"))
    yield Row("lrrnet", f"{torch}/LRRNet.model", "authors, TNO", _listed(data, "lrrnet"))


def _listed(data: Path, method: str) -> tuple[tuple[str, str, str], ...]:
    """The images of one method in the recorder's index, whose paths begin in two places."""

    def place(path: str) -> str:
        inside = path.removeprefix("shared/data/")
        return inside if inside != path else f"published_fused/torch/{path}"

    with (data / "published_fused/torch/index.csv").open(newline="") as file:
        return tuple(
            (place(row["fused"]), place(row["ir"]), place(row["vi"]))
            for row in csv.DictReader(file)
            if row["method"] == method
        )


def _sides(data: Path, stem: str) -> tuple[str, str]:
    folder = data / "published_fused/RoadScene"
    found = [next((folder / side).glob(f"{stem}.*")).name for side in ("ir", "vi")]
    return f"published_fused/RoadScene/ir/{found[0]}", f"published_fused/RoadScene/vi/{found[1]}"


def differences(method: FusionMethod, data: Path, images: tuple[str, str, str]) -> np.ndarray:
    """Absolute differences in gray levels between a published image and ours.

    Raises:
        SystemExit: they have different shapes.
    """
    published, infrared, visible = (read_stored(data / path) for path in images)
    fused = method.fuse_stored(infrared, visible, 0)[0].mul(255).round().byte()
    ours = fused.movedim(0, -1).numpy().squeeze()
    levels = published.pixels
    if levels.ndim > ours.ndim:  # gray stored as three equal channels
        levels = levels[..., 0]
    if levels.shape != ours.shape:
        raise SystemExit(f"{images[0]}: shape {levels.shape}, ours {ours.shape}")
    return np.abs(levels.astype(int) - ours)


def table(data: Path, only: tuple[str, ...] = ()) -> str:
    """The table, one line per row of ``rows``."""
    lines = [
        "| method | options | published by | images | largest | mean | largest share |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for row in rows(data):
        if only and row.method not in only:
            continue
        weights = str(data / "weights" / row.weights)
        method = METHODS.load(row.method)(weights=weights, device="cpu", **row.options)
        found = [differences(method, data, images) for images in row.images]
        options = ", ".join(f"{key}: {value}" for key, value in row.options.items()) or "defaults"
        largest = max(int(one.max()) for one in found)
        mean = max(float(one.mean()) for one in found)
        share = max(float((one > 0).mean()) for one in found)
        lines.append(
            f"| {row.method} | {options} | {row.source} | {len(found)} | {largest} | {mean:.1e} | "
            f"{share:.4%} |"
        )
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of published images")
    parser.add_argument("--only", action="append", default=[], help="a method; repeat it")
    parser.add_argument("--into", type=Path, help="page with the two marks")
    chosen = parser.parse_args()
    text = table(chosen.data, tuple(chosen.only))
    if chosen.into:
        page = chosen.into.read_text(encoding="utf-8")
        before, rest = page.split(MARKS[0], 1)
        after = rest.split(MARKS[1], 1)[1]
        write_bytes(chosen.into, f"{before}{MARKS[0]}{text}{MARKS[1]}{after}".encode())


if __name__ == "__main__":
    main()
