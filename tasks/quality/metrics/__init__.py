"""Metrics, one per file: a module with ``SPECS`` is all it takes to add one."""
