"""Intervals of a difference of two AP@0.5 hold it as often as they say; those of a mean per image do not."""

from __future__ import annotations

import pytest

from benchmarks.interval_coverage import covered


@pytest.mark.slow
def test_paired_bootstrap_covers_and_the_mean_of_ap_per_image_does_not() -> None:
    """300 draws of 200 images at nominal 95 %: four standard errors are 5 percentage points."""
    held, naive = covered(images=200, draws=300, resamples=1000)
    assert 0.90 <= held <= 0.99
    assert naive < 0.7
