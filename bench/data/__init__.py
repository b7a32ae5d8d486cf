"""Datasets: reading official layouts, splits, audits, and reading and writing images."""
