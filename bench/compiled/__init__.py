"""Compiled loops: kept on disk, compiled by one process while others wait."""
