"""Executors run jobs; all take the same job descriptions and give the same bytes."""
