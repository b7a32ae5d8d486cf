"""The error of a failed import as one line that names the file."""

from __future__ import annotations

import importlib.util
import os
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from ivif_bench.errors import UserError

# KeyboardInterrupt must stop the program; everything else that a module raises is a finding.
IMPORT_ERRORS = (Exception, SystemExit)


@dataclass(frozen=True, slots=True)
class Broken:
    """A module, or a component that it declares, which cannot be used.

    Attributes:
        name: name in lists: the last part of the module's name, or the component's name.
        module: import name of the module.
        file: ``path:line`` of the error, or ``path`` alone; if no file is known, text that names the
            entry point.
        reason: the error.
        source: the module's own file; empty if there is none.
    """

    name: str
    module: str
    file: str
    reason: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}" if self.file else self.reason

    def mentions(self, name: str) -> bool:
        """Whether the module's file contains that name as a quoted string."""
        try:
            text = Path(self.source).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return re.search(rf"""["']{re.escape(name)}["']""", text) is not None


def broken(module: str, problem: BaseException, where: str = "") -> Broken:
    """Describe why a module could not be imported.

    Args:
        where: text in place of a file if the module has none.
    """
    source = _file_of(module)
    return Broken(
        name=module.rpartition(".")[2],
        module=module,
        file=_place(problem, source) or where,
        reason=_reason(problem),
        source=source,
    )


def _file_of(module: str) -> str:
    """The file of a module, without importing it; that of the package around it if that fails."""
    try:
        spec = importlib.util.find_spec(module)
    except IMPORT_ERRORS:  # looking for a part of a package imports the package
        package = module.rpartition(".")[0]
        return _file_of(package) if package else ""
    return spec.origin or "" if spec else ""


def _place(problem: BaseException, source: str) -> str:
    """``path:line`` of the last line that was reached inside the module, or inside its package."""
    if isinstance(problem, SyntaxError) and problem.filename and Path(problem.filename).is_file():
        return f"{problem.filename}:{problem.lineno or 1}"
    if not source:
        return ""
    package = f"{Path(source).parent}{os.sep}" if Path(source).name == "__init__.py" else source
    places = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(problem.__traceback__)
        if frame.f_code.co_filename.startswith(package)
    ]
    return places[-1] if places else source


def _reason(problem: BaseException) -> str:
    message = problem.msg if isinstance(problem, SyntaxError) else str(problem)
    words = " ".join(message.split())
    if isinstance(problem, UserError):
        return words
    return f"{type(problem).__name__}: {words}" if words else type(problem).__name__
