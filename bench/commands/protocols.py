"""``protocols list``, ``protocols show``, ``protocols diff``: what tasks are asked, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ivif_bench.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Protocols of detection, segmentation, ...: compare.")

ProtocolArgument = Annotated[str, typer.Argument(help="shipped name, or path of a protocol file")]
JsonOption = Annotated[bool, typer.Option("--json", help="print as JSON")]


@dataclass(frozen=True, slots=True)
class _Found:
    """A protocol with the task that it is for and the file it was read from."""

    task: str
    path: Path
    protocol: Any

    def to_json(self) -> dict[str, Any]:
        one = self.protocol
        return {
            "name": one.name, "task": self.task, "network": one.network, "mode": one.mode,
            "layout": one.layout, "file": str(self.path), "sha256": one.sha256,
        }  # fmt: skip


@app.command("list")
def list_protocols(
    files: Annotated[
        list[str] | None, typer.Argument(help="more protocols, as paths of their files")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the shipped protocols of all tasks: name, task, network, mode, hash."""
    found = [_read(task, model, name) for task, model in _models() for name in _shipped(model)]
    found += [_find(name) for name in files or ()]
    if as_json:
        from ivif_bench.commands.console import print_json

        print_json([one.to_json() for one in found])
        return
    cells = [("name", "task", "network", "mode", "sha256")]
    for one in found:
        protocol = one.protocol
        cells.append(
            (protocol.name, one.task, protocol.network, protocol.mode, protocol.sha256[:12])
        )
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    for row in cells:
        typer.echo("  ".join(f"{text:<{w}}" for text, w in zip(row, widths, strict=True)).rstrip())


@app.command()
def show(
    name: ProtocolArgument,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="every value, defaults included, in format 2")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print a protocol as it is written, with its hash; the output is a protocol file again."""
    import yaml

    found = _find(name)
    values = found.protocol.model_dump(mode="json")
    if as_json:
        from ivif_bench.commands.console import print_json

        print_json({**found.to_json(), "values": values})
        return
    typer.echo(f"# {found.task} protocol, file {found.path}")
    typer.echo(f"# sha256 {found.protocol.sha256}")
    if not resolved:
        typer.echo(found.path.read_text(encoding="utf-8").rstrip("\n"))
        return
    if found.protocol.format != 2:
        typer.echo("# The file is in format 1; as a file of format 2 it has another hash.")
    written = {key: value for key, value in values.items() if value is not None}
    written = {"format": 2, **{key: value for key, value in written.items() if key != "format"}}
    typer.echo(yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=96).rstrip("\n"))


@app.command()
def diff(first: ProtocolArgument, second: ProtocolArgument, as_json: JsonOption = False) -> None:
    """Print the keys in which two protocols differ, in the names of format 2, defaults included."""
    found = [_find(first), _find(second)]
    one, other = (dict(_flat(each.protocol.model_dump(mode="json"))) for each in found)
    keys = [key for key in dict.fromkeys((*one, *other)) if one.get(key, "") != other.get(key, "")]
    keys = [key for key in keys if key not in ("name", "format")]
    if as_json:
        from ivif_bench.commands.console import print_json

        print_json(
            {
                "first": found[0].to_json(),
                "second": found[1].to_json(),
                "differ": {key: [one.get(key), other.get(key)] for key in keys},
            }
        )
        return
    for sign, each in zip("-+", found, strict=True):
        protocol = each.protocol
        typer.echo(f"{sign} {protocol.name} ({each.task}, sha256 {protocol.sha256[:12]})")
    for key in keys:
        typer.echo(f"{key}: {_text(one, key)} -> {_text(other, key)}")
    if not keys:
        typer.echo("no value differs")


def _models() -> Iterator[tuple[str, Any]]:
    """Tasks that have protocols, with the model of their files."""
    from ivif_bench.task import TASKS

    for name, spec in sorted(TASKS.specs().items(), key=lambda item: item[1].order):
        model = TASKS.load(spec.name).section.model
        if model is not None:
            yield name, model


def _shipped(model: Any) -> list[str]:
    from ivif_bench.protocol import shipped_protocols

    return shipped_protocols(model.folder / "protocols")


def _read(task: str, model: Any, name: str) -> _Found:
    path = model.folder / "protocols" / f"{name}.yaml" if name in _shipped(model) else Path(name)
    return _Found(task, path, model.load(name))


def _find(name: str) -> _Found:
    """A protocol by shipped name or path.

    A file does not name its task: the one is taken that knows its network.

    Raises:
        UserError: no such protocol, or a file that its task refuses.
    """
    from ivif_bench.files import exists
    from ivif_bench.registry import suggest
    from ivif_bench.yaml_text import read_yaml

    models = dict(_models())
    for task, model in models.items():
        if name in _shipped(model):
            return _read(task, model, name)
    if not exists(name):
        known = [each for model in models.values() for each in _shipped(model)]
        raise UserError(f"unknown protocol {name!r}; {suggest(name, known)}")
    content = read_yaml(Path(name), "protocol")
    if not isinstance(content, dict):
        raise UserError(f"protocol {name}: expected keys and values")
    keys = ("network", "detector", "segmenter")
    network = next((content[key] for key in keys if key in content), None)
    for task, model in models.items():
        if isinstance(network, str) and network in model.registry().specs():
            return _read(task, model, name)
    networks = [each for model in models.values() for each in model.registry().specs()]
    wrong = f"unknown network {network!r}; {suggest(str(network), networks)}"
    raise UserError(f"protocol {name}: {wrong if network is not None else 'network: is missing'}")


def _flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by their keys joined with dots."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, values


def _text(values: Mapping[str, Any], key: str) -> str:
    if values.get(key) is None:
        return "(none)"
    value = values[key]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
