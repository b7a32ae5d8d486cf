"""``features``: named intermediate maps of a method, as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from ivif_bench.features import FeatureMap
    from ivif_bench.reports.charts.feature_maps import Panel
    from ivif_bench.types import StoredImage

_SIZE = (192, 256)  # of the drawn scene


def features(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="such as dmnet-lite")],
    pair: Annotated[
        list[str],
        typer.Argument(
            metavar="[PAIR]",
            help="two files, infrared and visible; or a stem of a dataset (--layout, --root); "
            "default: a drawn scene",
        ),
    ] = [],  # noqa: B006 - typer copies it
    names: Annotated[
        list[str], typer.Option("--map", help="a map by name; repeat it; default: the main ones")
    ] = [],  # noqa: B006
    listed: Annotated[
        bool, typer.Option("--list", help="print the names of the maps and end")
    ] = False,
    layout: Annotated[
        str, typer.Option("--layout", help="dataset layout of a stem, see 'list datasets'")
    ] = "",
    root: Annotated[Path | None, typer.Option("--root", help="folder of that dataset")] = None,
    option: Annotated[
        list[str], typer.Option("--option", help="method option KEY=VALUE; repeat it")
    ] = [],  # noqa: B006
    seed: Annotated[int, typer.Option("--seed", min=0, help="seed of the run")] = 0,
    alike: Annotated[
        bool,
        typer.Option("--same-scale", help="one range of values for all maps, to compare them"),
    ] = False,
    out: Annotated[Path, typer.Option("--out", help="folder to write to")] = Path("features"),
    venue: Annotated[
        str, typer.Option("--venue", help="whose page width the figure has: ieee or cvpr")
    ] = "ieee",
) -> None:
    """Draw intermediate maps of a method that fuses one pair: PDF, PNG and the ranges of values.

    The pair is fused as a run fuses it; maps are read on the way.
    """
    from ivif_bench.commands.options import parse_options
    from ivif_bench.config import MethodConfig
    from ivif_bench.features import capture, chosen
    from ivif_bench.files import write_bytes
    from ivif_bench.fusion import METHODS, FusionMethod
    from ivif_bench.naming import safe_name
    from ivif_bench.pipeline.fuse import image_seed, load_method
    from ivif_bench.reports.charts import feature_maps, style

    if venue not in style.PAGE:
        raise UserError(f"--venue {venue!r}: expected {' or '.join(style.PAGE)}")
    spec = METHODS.get(method)
    if spec.precomputed:
        raise UserError(f"{method}: its images were made elsewhere; nothing is computed here")
    loaded = load_method(MethodConfig(name=method, options=parse_options(option)))
    assert isinstance(loaded, FusionMethod)
    maps = loaded.feature_maps()
    wanted = chosen(maps, names, method)
    if listed:
        for name, each in maps.items():
            typer.echo(f"{name}{'' if each.main else ' (by --map)'}: {each.text}")
        return
    stem, infrared, visible = _pair(pair, layout, root, out)
    fused, found = capture(
        loaded.fuse_stored,
        infrared,
        visible,
        image_seed(seed, stem),
        {name: maps[name] for name in wanted},
    )
    groups = [_pictures(infrared, visible, fused)]
    for name in wanted:
        values = found[name]
        typer.echo(_range(name, values, maps[name]))
        groups.append(feature_maps.panels_of(name, values, maps[name].scale))
    title = f"{spec.title}, pair {stem}"
    head = f"features-{safe_name(method)}-{safe_name(stem)}"
    with style.styled():
        pages = feature_maps.draw(groups, title, style.PAGE[venue], alike)
        for number, page in enumerate(pages, start=1):
            for name, data in style.files(f"{head}-{number}", page).items():
                write_bytes(out / name, data)
                typer.echo(f"wrote {out / name}", err=True)


def _range(name: str, values: np.ndarray, each: FeatureMap) -> str:
    channels, height, width = values.shape
    count = f"{channels} channel{'s' if channels > 1 else ''}"
    ends = f"{values.min():.4g} to {values.max():.4g}"
    return f"{name}: {count}, {width}x{height}, {ends}: {each.text}"


def _pictures(infrared: StoredImage, visible: StoredImage, fused: np.ndarray) -> list[Panel]:
    from ivif_bench.data.images import gray_of, rgb_of
    from ivif_bench.reports.charts.feature_maps import Panel

    pictures = {
        "infrared": gray_of(infrared) / 255,
        "visible": rgb_of(visible) / 255,
        "fused": fused[0] if len(fused) == 1 else fused.transpose(1, 2, 0),
    }
    return [Panel(name, "", values, "picture") for name, values in pictures.items()]


def _pair(
    pair: list[str], layout: str, root: Path | None, out: Path
) -> tuple[str, StoredImage, StoredImage]:
    """Stem, infrared and visible of the pair that was asked for; a drawn scene is written to ``out``.

    Raises:
        UserError: no such pair, or arguments that do not belong together.
    """
    from ivif_bench.pipeline.fuse import read_pair

    if bool(layout) != (root is not None):
        raise UserError("--layout and --root go together: the layout and folder of a dataset")
    if layout and root is not None:
        from ivif_bench.data.base import open_dataset

        if len(pair) != 1:
            raise UserError("--layout: expected one stem as PAIR")
        (found,) = open_dataset(layout, root).select((pair[0],))
        return found.stem, *read_pair(layout, found.stem, str(found.infrared), str(found.visible))
    if len(pair) == 2:
        stem = Path(pair[0]).stem
        return stem, *read_pair("PAIR", stem, *pair)
    if pair:
        raise UserError(
            f"PAIR {pair[0]!r}: expected two files, infrared and visible, or a stem with --layout "
            "and --root"
        )
    from ivif_bench.data.demo.render import render_scene
    from ivif_bench.data.images import encode_png
    from ivif_bench.files import write_bytes

    scene = render_scene(0, _SIZE)
    files = [out / f"scene-{side}.png" for side in ("infrared", "visible")]
    for path, pixels in zip(files, (scene.infrared, scene.visible), strict=True):
        write_bytes(path, encode_png(pixels))
    return "scene", *read_pair("drawn scene", "scene", str(files[0]), str(files[1]))


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(features)
