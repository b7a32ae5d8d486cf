"""What is known of the demo without loading what draws its scenes: limits, and their mark."""

SHORTEST_SIDE = 96  # pixels; the objects need that much space
LONGEST_SIDE = 4096  # a scene of this size takes minutes
MOST_SCENES = 100_000  # of a part; each has a seed of its own
MARKER = "demo.json"  # in the root of a folder of drawn scenes
