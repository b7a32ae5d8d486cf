"""One file per dataset layout; each declares ``SPECS`` and a ``Dataset``."""
