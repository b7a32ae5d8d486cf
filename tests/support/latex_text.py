"""Whether LaTeX is whole: by the rules of its characters, and by an engine where there is one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from required import skip_unless


def _without_escapes(text: str) -> str:
    return re.sub(r"\\[\\{}%&#_$]", "", text)


def check_structure(text: str, columns: int) -> None:
    """One table: braces and dollars in pairs, nothing unescaped, as many cells in every line."""
    assert text.isascii()
    bare = _without_escapes(text)
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0
    assert "%" not in bare
    assert "#" not in bare
    assert bare.count("$") % 2 == 0
    assert bare.count(r"\begin{tabular}") == bare.count(r"\end{tabular}") == 1
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {_without_escapes(line[:-2]).count("&") for line in lines} == {columns}


def check_compiles(folder: Path, name: str) -> None:
    """Compile a document; skips where no engine is installed (texlive-latex-recommended has one)."""
    skip_unless("latex", "pdflatex")
    done = subprocess.run(
        ["pdflatex", "-draftmode", "-halt-on-error", "-interaction=nonstopmode", name],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    log = (folder / name).with_suffix(".log").read_text(errors="replace")
    assert not re.search(r"^!|Undefined control|Missing character", log, re.MULTILINE)
