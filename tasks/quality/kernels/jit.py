"""The earlier place of ``ivif_bench.compiled``, for programs that import it from here."""

from ivif_bench.compiled.jit import kernel
from ivif_bench.compiled.places import cache_folder

__all__ = ["cache_folder", "kernel"]
