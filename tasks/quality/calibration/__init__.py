"""Calibration: what published programs return for known images, beside what this engine returns."""
