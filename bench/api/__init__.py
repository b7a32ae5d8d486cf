"""The Python interface of ``ivif_bench``, except the metrics of ``ivif_bench.tasks.quality``."""
