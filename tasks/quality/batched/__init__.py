"""The metrics' shared work in torch, for many image triples of one size at once.

Metric functions ask for shared work by ``shared.part(make, ...)``. A file here that declares
``SPECS`` replaces one such ``make`` by a torch form, which computes it for a whole batch on any
device; the metric functions, their settings and their reasons stay the same code. What has no form
is computed by the CPU engine, image by image, and scores say which metrics that were.

Everything is float64: VIF and SSIM subtract squared means from means of squares, which in float32
costs 1e-4; graphics cards are slow in float64, but the filters wait for memory anyway. Filters are
sums of shifted images, in the order of the CPU kernels: an image's value does not depend on its
batch through them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivif_bench.registry import Registry


@dataclass(frozen=True, slots=True)
class FormSpec:
    """A torch form of a part.

    Attributes:
        name: ``"module:function"`` of the part that it replaces.
        entry: ``"module:function"`` of the form; ``"function"`` if it is in the same file. It takes
            a ``_batch.Batch`` and the part's own arguments, and returns a list: for each image,
            what the part would return.
    """

    name: str
    entry: str


FORMS: Registry[FormSpec] = Registry(
    "torch form", "ivif_bench.tasks.quality.batched", "ivif_bench.batched_metrics"
)
