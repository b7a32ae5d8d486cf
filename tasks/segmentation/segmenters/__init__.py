"""One file per family of networks; each declares ``SPECS`` and names a ``Segmenter``."""
