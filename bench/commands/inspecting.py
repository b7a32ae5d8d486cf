"""``list``, ``validate``, ``doctor``: available components, and checks before a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivif_bench.errors import UserError, first_few

if TYPE_CHECKING:
    from ivif_bench.config import RunConfig

_SECONDS = 1.5  # between lines of progress, without a terminal
JsonOption = Annotated[bool, typer.Option("--json", help="print as JSON")]


def list_components(
    what: Annotated[
        str, typer.Argument(help="kind: methods, datasets, metrics, detectors, ...")
    ] = "methods",
    detail: Annotated[
        bool, typer.Option("--detail", help="show options and other metadata")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the components of a kind; those that cannot be imported come last, as broken.

    With --json, an object per component; a broken one has name, module, file and broken (the reason).
    """
    from ivif_bench.commands import described
    from ivif_bench.components import registry_of

    registry = registry_of(what)
    specs, broken = registry.specs().values(), registry.broken()
    if as_json:
        from ivif_bench.commands.console import print_json

        faults = [
            {"name": one.name, "module": one.module, "file": one.file, "broken": one.reason}
            for one in broken
        ]
        print_json([*(described.declared(spec) for spec in specs), *faults])
        return
    width = max((len(one.name) for one in (*specs, *broken)), default=0)
    for spec in specs:
        line = getattr(spec, "summary", "") or getattr(spec, "title", "") or spec.entry
        typer.echo(f"{spec.name:<{width}}  {line}")
        for more in described.detail(spec) if detail else ():
            typer.echo(f"{'':<{width}}    {more}")
    for fault in broken:
        typer.echo(f"{fault.name:<{width}}  broken: {fault}")


def validate(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="run configuration (YAML)")],
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="also check all finished images, results and checkpoints by their hashes",
        ),
    ] = False,
) -> None:
    """Check a configuration and open all it uses (datasets, images, weights), without computing.

    Data and weights that are still to be downloaded are listed with their size and where they are
    had, and what the run will roughly cost. Options, methods, networks and metrics are loaded as a
    run would load them. The first problem is printed in one line; the exit code is then 2. With
    --verify, every file is read, whatever its times say, and all that do not fit are listed.
    """
    from ivif_bench.commands.progress import counting
    from ivif_bench.config_reading import load_config
    from ivif_bench.pipeline import outlook
    from ivif_bench.pipeline.loading import load_all
    from ivif_bench.pipeline.plan import RunPlan
    from ivif_bench.pipeline.run import check_report
    from ivif_bench.store import Store

    run_config = load_config(config)
    check_report(run_config)
    no_data = outlook.absent_data(run_config)
    for line in (*no_data, *outlook.absent_files(run_config), *outlook.costs(run_config)):
        typer.echo(line)
    if no_data:
        folders = [
            data.root for data in run_config.datasets.values() if not Path(data.root).is_dir()
        ]
        raise UserError(
            f"{config}: {len(no_data)} datasets are to be downloaded, as listed above; no such folder: "
            f"{first_few(folders, 3)}"
        )
    absent = [
        f"datasets.{name}: {data.root} does not exist yet ('run' writes the demo scenes)"
        for name, data in run_config.datasets.items()
        if data.demo is not None and not Path(data.root).is_dir()
    ]
    store = Store(run_config.folder)
    if absent:
        for line in absent:
            typer.echo(line)
    else:
        try:
            with counting("validate", _SECONDS) as progress:
                plan = RunPlan(run_config, store, progress=progress)
                plan.check_precomputed_methods(typer.echo, progress)
        finally:
            store.fingerprint.save()
        for name, pairs in plan.pairs.items():
            typer.echo(f"{name}: {len(pairs)} pairs to fuse and judge")
    try:
        load_all(run_config, store.fingerprint, typer.echo)
    except UserError as problem:
        raise UserError(f"{config}: {problem}") from problem
    if verify and not absent:
        _verify(config, run_config)
    typer.echo(
        f"{config}: valid; {len(run_config.methods)} methods, tasks: {', '.join(run_config.sections)}"
    )


def _verify(path: Path, config: RunConfig) -> None:
    from ivif_bench.commands.progress import counting
    from ivif_bench.fingerprints import Fingerprints
    from ivif_bench.pipeline.plan import RunPlan
    from ivif_bench.pipeline.verify import verify
    from ivif_bench.store import Store

    store = Store(config.folder)
    store.fingerprint = Fingerprints(None)
    with counting("verify", _SECONDS) as progress:
        found = verify(RunPlan(config, store, progress=progress), progress)
    for line in found.problems:
        typer.echo(line)
    if found.unrecorded:
        typer.echo(f"note: an earlier version recorded no hash of {first_few(found.unrecorded, 3)}")
    typer.echo(
        f"{config.folder}: {found.images} fused images, {found.results} results and "
        f"{found.checkpoints} checkpoints checked by their content"
    )
    if found.problems:
        raise UserError(f"{path}: {len(found.problems)} files of the run do not fit")


def doctor(as_json: JsonOption = False) -> None:
    """Check this machine: packages, system libraries, devices; exit code 1 if something is broken."""
    from ivif_bench.doctor import examine

    findings = examine()
    if as_json:
        from ivif_bench.commands.console import print_json

        print_json(findings)
    else:
        for finding in findings:
            typer.echo(f"{finding['state']:<7} {finding['what']}: {finding['detail']}")
    if any(finding["state"] == "broken" for finding in findings):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("list")(list_components)
    app.command()(validate)
    app.command()(doctor)
