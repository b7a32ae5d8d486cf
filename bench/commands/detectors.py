"""``detector export``, ``detector show``, ``detector import``: trained detectors as files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivif_bench.errors import UserError, first_few

if TYPE_CHECKING:
    from ivif_bench.config import RunConfig
    from ivif_bench.data.base import Dataset
    from ivif_bench.store import Store
    from ivif_bench.tasks.detection.checkpoint import Header
    from ivif_bench.types import Unit

app = typer.Typer(
    no_args_is_help=True, help="Trained detectors as files: export, show, check and import."
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="exported detector")]
ForceOption = Annotated[bool, typer.Option("--force", help="overwrite the file if it is there")]
_TASK = "detection"


@app.command()
def export(
    run: Annotated[
        Path, typer.Argument(metavar="CONFIG|RUN", help="run configuration, or run directory")
    ],
    method: Annotated[str, typer.Argument(help="row of the run whose detector it is")],
    out: Annotated[Path, typer.Option(help="file to write, with the ending .safetensors")],
    seed: Annotated[int | None, typer.Option(help="training seed, where there are several")] = None,
    protocol: Annotated[str, typer.Option(help="protocol, where there are several")] = "",
    dataset: Annotated[str, typer.Option(help="dataset, where there are several")] = "",
    force: ForceOption = False,
) -> None:
    """Write the trained detector of a run as one file.

    Its header has the network, its classes, protocol, recipe, seed, method, and the list of training
    images, so that nobody judges with it on these.
    """
    from ivif_bench.config_reading import load_config
    from ivif_bench.store import Store
    from ivif_bench.tasks.detection.exchange import export_trained, refuse_existing

    refuse_existing(out, force)
    config = load_config(run / "config.yaml" if run.is_dir() else run)
    store = Store(run if run.is_dir() else config.folder)
    try:
        unit, opened = _trained(config, store, method, seed, protocol, dataset)
    finally:
        store.fingerprint.save()
    export_trained(unit, store.shared, opened, out)
    typer.echo(f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB, {unit.label}")


@app.command()
def show(
    file: FileArgument,
    as_json: Annotated[bool, typer.Option("--json", help="print as JSON")] = False,
) -> None:
    """Print what a detector file says of itself; its tensors are not read."""
    from ivif_bench.tasks.detection.exchange import read_exported

    header = read_exported(file)
    if as_json:
        values = {"architecture": header.architecture, "classes": header.names, **header.about}
        seen = [each.to_json() for each in header.seen]
        typer.echo(json.dumps({**values, "training_images": seen}, indent=1))  # ASCII only
        return
    lines = list(_lines(header))
    width = max(len(key) for key, _ in lines)
    for key, text in lines:
        typer.echo(f"{key:<{width}}  {text}")


@app.command("import")
def import_file(
    file: FileArgument,
    name: Annotated[str, typer.Option(help="name in the weights folder; default: the file's")] = "",
    force: ForceOption = False,
) -> None:
    """Check an exported detector, copy it into the weights folder, and print how to use it."""
    import yaml

    from ivif_bench.files import read_regular, write_bytes
    from ivif_bench.naming import safe_name
    from ivif_bench.tasks.detection.exchange import ENDING, refuse_existing, verified
    from ivif_bench.weights import sha256_of, weights_folder

    header = verified(file)
    target = weights_folder() / "detectors" / f"{safe_name(name or file.stem)}{ENDING}"
    if not (target.is_file() and sha256_of(target) == sha256_of(file)):
        refuse_existing(target, force)
        write_bytes(target, read_regular(file))
    typer.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB, sha256 {sha256_of(target)}")
    typer.echo("a protocol judges with it (mode: retrain or frozen starts a training from it) by")
    lines = {"mode": "released", "network": header.architecture, "initial": str(target)}
    typer.echo(yaml.safe_dump(lines, sort_keys=False, allow_unicode=True, width=10_000).rstrip())


def _trained(
    config: RunConfig, store: Store, method: str, seed: int | None, protocol: str, dataset: str
) -> tuple[Unit, Dataset]:
    """The one unit of detection that is meant, and its dataset.

    Raises:
        UserError: there is none, or several, or its images are not fused yet.
    """
    from ivif_bench.pipeline.plan import RunPlan

    if method not in (names := [each.name for each in config.methods]):
        raise UserError(f"no method {method!r} in this run; methods: {', '.join(names)}")
    plan = RunPlan(config, store, (_TASK,))
    unfused = {each.name for each, _ in plan.images_to_fuse()}
    found: dict[str, Unit] = {}
    for _, task, section in plan.sections:
        needed = plan.methods_of(task, section).get(method, ())
        if missing := [name for name in needed if name in unfused]:
            raise UserError(f"{store.root}: images of {first_few(missing)} are still to be fused")
        units = plan.units(task, section, method) if needed else []
        found |= {unit.label: unit for unit in units if unit.payload["train"]}
    if not found:
        raise UserError(f"{store.root}: no section of {_TASK!r} trains a detector on {method!r}")
    fits = {
        label: unit
        for label, unit in found.items()
        if (seed is None or unit.seed == seed)
        and (not protocol or unit.protocol == protocol)
        and (not dataset or unit.dataset == dataset)
    }
    if len(fits) != 1:
        raise UserError(
            f"{store.root}: {len(fits)} trained detectors fit, of {first_few(sorted(found))}; choose "
            "one by --seed, --protocol and --dataset"
        )
    unit = next(iter(fits.values()))
    return unit, plan.datasets[unit.dataset]


def _lines(header: Header) -> Iterator[tuple[str, str]]:
    yield "architecture", _text(header.architecture)
    yield "classes", ", ".join(header.names)
    yield from _flat("", header.about)
    for each in header.seen:
        stems = [_text(stem) for stem in each.stems]
        yield (
            "training images",
            f"{len(stems)} of {_text(each.dataset)} (layout {_text(each.layout)}), sha256 "
            f"{each.to_json()['sha256']}: {first_few(stems, 4)}",
        )
    if not header.seen:
        yield "training images", "not recorded"


def _flat(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}{_text(key)}"
        if isinstance(value, dict):
            yield from _flat(f"{name}.", value)
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    """A value of a header, which may have come from anybody, without control characters."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isprintable() else json.dumps(text)
