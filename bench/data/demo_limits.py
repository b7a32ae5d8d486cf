"""Limits of the demo, read by configurations without loading what draws the scenes."""

SHORTEST_SIDE = 96  # pixels; the objects need that much space
LONGEST_SIDE = 4096  # a scene of this size takes minutes
MOST_SCENES = 100_000  # of a part; each has a seed of its own
