"""Scores folders of fused images from Python: what ``ivif-bench score`` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivif_bench.reports.comparison import Spread
from ivif_bench.reports.formats import load_text
from ivif_bench.reports.given import report_of
from ivif_bench.tasks.quality.folder import Metrics, score_folder
from ivif_bench.tasks.quality.registry import Mode
from ivif_bench.tasks.quality.scores import MethodScores, QualityScores


@dataclass(frozen=True, slots=True)
class FolderScores:
    """What ``evaluate_folder`` found.

    Attributes:
        scores: every value, with what is peculiar about the images.
    """

    scores: QualityScores

    @property
    def methods(self) -> Mapping[str, MethodScores]:
        """Scores by method name, in the order given."""
        return self.scores.methods

    def to_json(self) -> dict[str, Any]:
        """Every value as plain JSON values; docs/scoring.md has the keys."""
        return self.scores.to_json()

    def to_csv(self) -> str:
        """Every value, one line per method and image."""
        return self.scores.to_csv()

    def table(self, format: str = "markdown", title: str = "", spread: Spread = "") -> str:
        """The table of means, as a run would print it.

        Args:
            format: ``markdown``, ``latex``, ... (``ivif-bench list formats``).
            title: the dataset's name in the caption.
            spread: beside each mean its standard deviation over images (``sd``), or its 95 %
                interval (``interval``).

        Raises:
            UserError: unknown format.
        """
        text = load_text(format)
        found = self.scores
        report = report_of(found.records(), found.about, found.remarks(), title, spread)
        return text(report.title, report.tables, report.remarks)


def evaluate_folder(
    infrared: Path | str | None,
    visible: Path | str | None,
    fused: Path | str | Mapping[str, Path | str],
    metrics: Metrics = None,
    convention: str = "reference",
    workers: int = 0,
    mode: Mode = "exact",
    device: str = "cpu",
) -> FolderScores:
    """Fusion quality of whole folders; see ``ivif_bench.tasks.quality.folder.score_folder``.

    Args:
        fused: a folder, or folders by method name.
    """
    folders = fused if isinstance(fused, Mapping) else {Path(fused).resolve().name: fused}
    return FolderScores(
        score_folder(
            infrared,
            visible,
            folders,
            metrics,
            convention,
            workers,
            mode=mode,
            device=device,
        )
    )
