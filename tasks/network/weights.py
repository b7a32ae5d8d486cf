"""Initial weights: the file that a protocol and a section name."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.errors import UserError
from ivif_bench.files import demand_regular, exists
from ivif_bench.registry import suggest
from ivif_bench.tasks.network.protocol import NetworkProtocol

_ENDINGS = (".safetensors", ".pth", ".pt")


def weights_file(protocol: NetworkProtocol, given: Path | None = None) -> Path | None:
    """The weights file that a protocol starts from; None for random weights.

    Args:
        given: the section's ``weights``, for protocols with ``initial: user``.

    Raises:
        UserError: weights that are missing, unknown, of another format, or given where the protocol
            has its own.
    """
    initial = protocol.initial
    if given is not None and initial != "user":
        raise UserError(
            f"{protocol.task}: 'weights' is for protocols with initial 'user'; {protocol.name!r} "
            f"has {initial!r}"
        )
    if initial == "scratch":
        return None
    if initial.startswith("shipped:"):
        return _shipped(protocol, initial.removeprefix("shipped:"))
    if initial == "user" and given is None:
        raise UserError(
            f"protocol {protocol.name!r} needs a weights file for {protocol.network}: set "
            f"'weights: FILE' in the {protocol.task} section"
        )
    path = given if given is not None else Path(initial)
    if path.suffix not in _ENDINGS:
        raise UserError(
            f"{protocol.task}: initial weights {str(path)!r}: expected 'scratch', 'shipped:NAME' or "
            f"the path of a file with the ending {', '.join(_ENDINGS)}"
        )
    if not exists(path):
        raise UserError(f"{protocol.task}: no such weights file: {path}")
    try:
        demand_regular(path)
    except OSError as problem:
        raise UserError(
            f"{protocol.task}: cannot read weights {path}: {problem.strerror}"
        ) from problem
    return path


def _shipped(protocol: NetworkProtocol, name: str) -> Path:
    files = {path.stem: path for path in (protocol.folder / "weights").glob("*.safetensors")}
    if name not in files:
        hint = suggest(name, sorted(files)) if files else "none are shipped"
        raise UserError(f"unknown {protocol.task} weights 'shipped:{name}'; {hint}")
    return files[name]
