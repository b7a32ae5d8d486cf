"""The command ``ivif-bench``; each group of commands is a file in ``ivif_bench.commands``."""

from __future__ import annotations

import io
import os
import sys

import typer

from ivif_bench.commands import (
    ablating,
    cleaning,
    complexity,
    data,
    detecting,
    detectors,
    features,
    inspecting,
    paging,
    planning,
    protocols,
    ranking,
    running,
    scoring,
    segmenting,
    statistics,
    training,
    weights,
)
from ivif_bench.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Benchmark infrared-visible image fusion: quality, detection, segmentation, paper tables.",
)
running.register(app)
detecting.register(app)
segmenting.register(app)
planning.register(app)
scoring.register(app)
ranking.register(app)
complexity.register(app)
features.register(app)
statistics.register(app)
paging.register(app)
inspecting.register(app)
cleaning.register(app)
training.register(app)
ablating.register(app)
app.add_typer(data.app, name="data")
app.add_typer(protocols.app, name="protocols")
app.add_typer(weights.app, name="weights")
app.add_typer(detectors.app, name="detector")


class _ReaderGone(BaseException):
    """Whoever read standard output has ended, such as ``head -1``; no error."""


class _Output(io.TextIOWrapper):
    """Standard output that tells a closed pipe from other errors: libraries exit with code 1 for it."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            raise _ReaderGone from None

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            raise _ReaderGone from None


def main() -> None:
    """Run the command line; a user's error is one line and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        old = sys.stdout
        encoding, errors, lines = old.encoding, old.errors, old.line_buffering
        sys.stdout = _Output(old.detach(), encoding, errors, line_buffering=lines)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except _ReaderGone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is still to be flushed
        sys.exit(0)
    except UserError as problem:
        print(f"ivif-bench: {problem}", file=sys.stderr)
        sys.exit(2)
    except OSError as problem:  # a full disk, a folder that may not be written
        where = f": {problem.filename}" if problem.filename else ""
        print(f"ivif-bench: {problem.strerror or problem}{where}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
