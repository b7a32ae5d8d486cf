"""Weights files of fusion methods: their folders, downloads and conversion.

Shipped files are in the folder ``weights`` of the package that declares the method. Files that
the user provides are in one folder for all projects: ``$IVIF_BENCH_WEIGHTS``, or
``ivif-bench/weights`` in the user's cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any

from ivif_bench.download import Limits, download
from ivif_bench.errors import UserError
from ivif_bench.files import open_regular
from ivif_bench.fusion import MethodSpec, WeightsSpec
from ivif_bench.registry import load_entry
from ivif_bench.types import Progress


def weights_folder() -> Path:
    """The folder of the user's weights files; it need not exist."""
    chosen = os.environ.get("IVIF_BENCH_WEIGHTS")
    if chosen:
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "ivif-bench" / "weights"


def locate(method: MethodSpec, file: WeightsSpec, given: str | None = None) -> Path:
    """The path of a method's weights file.

    Args:
        given: path from the method's option, if any.

    Raises:
        UserError: it does not exist; the message says what to do and which method needs no file.
    """
    if given is not None:
        if not Path(given).is_file():
            raise UserError(f"{method.name}: no weights file {given}; {advice(method, file)}")
        return Path(given)
    path = shipped_folder(method) / file.name if file.shipped else weights_folder() / file.name
    if not path.is_file():
        if file.shipped:
            raise UserError(f"{method.name}: {path} is missing; install ivif-bench again")
        raise UserError(f"{method.name}: no weights file {path}; {advice(method, file)}")
    return path


def shipped_folder(method: MethodSpec) -> Path:
    """The folder ``weights`` nearest to a method: of its own package, or of one that holds it.

    Raises:
        UserError: no package around the method has such a folder.
    """
    package = method.entry.partition(":")[0]
    while package:
        package = package.rpartition(".")[0]
        found = importlib.util.find_spec(package) if package else None
        for place in (found and found.submodule_search_locations) or ():
            if (Path(place) / "weights").is_dir():
                return Path(place) / "weights"
    raise UserError(f"{method.name}: no folder 'weights' in the package of {method.entry}")


def advice(method: MethodSpec, file: WeightsSpec) -> str:
    """Text on what to do about a missing file: download, convert, or use another method."""
    name = file.original or file.name
    checksum = file.original_sha256 or ("" if file.original else file.sha256)
    known = f", sha256 {checksum}" if checksum else ", no checksum published"
    lines = [f"it is made from {name}" if file.original else f"it is {name}"]
    terms = f"; terms: {file.terms}" if file.terms else ""
    lines[0] += f" ({file.source or file.url or 'available from its authors'}{known}{terms})"
    if file.url:
        flag = "" if checksum else " --unchecked"
        lines.append(f"'ivif-bench weights fetch {method.name}{flag}' downloads it")
    if file.converter:
        lines.append(f"'ivif-bench weights convert {method.name} FILE' converts one you have")
    lines.append(f"the option {file.option!r} names a file in another place")
    if method.alternative:
        lines.append(f"{method.alternative} runs without it")
    return "; ".join(lines)


def fetch(
    url: str,
    target: Path,
    sha256: str,
    progress: Progress,
    *,
    unchecked: bool = False,
    limits: Limits | None = None,
) -> str:
    """Download a file; an interrupted download is resumed.

    Args:
        sha256: what the file must have, hexadecimal.
        progress: called with (bytes, total bytes or 0, name).
        unchecked: accept any content if ``sha256`` is empty.
        limits: of time and size.

    Returns:
        The file's sha256.

    Raises:
        UserError: no checksum, no connection, an answer other than the file, or another checksum.
    """
    if not (sha256 or unchecked):
        raise UserError(
            f"{url}: no sha256 is known to check it by; --unchecked accepts any content"
        )
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.part")
        download(url, partial, target.name, progress, limits)
        found = sha256_of(partial)
        if sha256 and found != sha256:
            partial.unlink()
            raise UserError(
                f"{url}: sha256 is {found}, expected {sha256}; the download was deleted"
            )
        partial.replace(target)
        return found
    found = sha256_of(target)
    if sha256 and found != sha256:
        raise UserError(
            f"{target}: sha256 is {found}, expected {sha256}; delete it and fetch again"
        )
    return found


def convert(file: WeightsSpec, source: Path, target: Path) -> None:
    """Convert a published file into the one that the method reads.

    Raises:
        UserError: it is missing, is the target itself, or is not what its authors publish.
    """
    if not published_file(source).is_file():
        raise UserError(f"no such file: {source}")
    if target.exists() and target.samefile(published_file(source)):
        raise UserError(f"{source}: choose another --out, the file to convert is never overwritten")
    converter: Any = load_entry(file.converter, f"converter of {file.name}")
    converter(source, target)


def published_file(source: Path) -> Path:
    """The file that ``source`` names: itself, or the index of a TensorFlow checkpoint by its prefix."""
    index = source.with_name(f"{source.name}.index")
    return index if index.is_file() and not source.is_file() else source


def sha256_of(path: Path) -> str:
    """sha256 of a file of any size."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
