"""The contract of a recipe: how a detector or segmenter says what its training can be told."""

from __future__ import annotations

from ivif_bench.options import Options


class Recipe(Options):
    """Training options of a detector or segmenter, as its protocols give them.

    A subclass has a field for every key; its spec names it as ``recipe``. Recipes without any key
    are this class itself.
    """

    @property
    def summary(self) -> str:
        """What the line "Network" under a table says of the training; empty for nothing."""
        return ""
