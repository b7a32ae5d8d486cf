"""Names given by users as path components."""

from __future__ import annotations

import re

from ivif_bench.errors import UserError


def safe_name(name: str) -> str:
    """A name given by a user as one safe path component."""
    cleaned = re.sub(r"[^A-Za-z0-9._+@-]", "_", name).lstrip(".")
    if not cleaned:
        raise UserError(f"{name!r} cannot be used as a name; use letters, digits, '.', '_' or '-'")
    return cleaned
