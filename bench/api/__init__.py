"""What ``ivif_bench`` offers to Python programs, beside the metrics of ``ivif_bench.tasks.quality``."""
