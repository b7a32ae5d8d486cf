"""The contract of a recipe: the options of a network, as its protocols give them."""

from __future__ import annotations

from typing import ClassVar

from ivif_bench.options import Options


class Recipe(Options):
    """Options of a network's predictions, or of its training.

    A subclass has a field for every key; the network's spec names it as ``inference`` or
    ``training``. A network without any such key uses this class itself.

    Attributes:
        untrained: keys of ``inference`` that cannot change trained weights, such as thresholds;
            with other values nothing is trained again.
        presets: keys that name a set of values for other keys, so that a section of a run cannot
            replace one alone.
    """

    untrained: ClassVar[frozenset[str]] = frozenset()
    presets: ClassVar[frozenset[str]] = frozenset()

    @property
    def summary(self) -> str:
        """Text on these options for the line "Network" of a table; may be empty."""
        return ""
