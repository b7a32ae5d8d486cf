"""Judges methods that exist in memory only, on a dataset, without a configuration file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ivif_bench.api.given import FOLDER, Fuse, Given, Images, write_given
from ivif_bench.api.runs import Run, Teller, check_workers, run
from ivif_bench.config import RunConfig
from ivif_bench.config_reading import parse_config, plain_values
from ivif_bench.errors import UserError
from ivif_bench.naming import safe_name
from ivif_bench.pipeline.plan import RunPlan
from ivif_bench.registry import suggest
from ivif_bench.store import Store, locked
from ivif_bench.task import TASKS
from ivif_bench.types import Progress

_SOURCES = ("visible", "infrared")


def judge(
    methods: Mapping[str, Fuse | Images],
    *,
    dataset: str,
    root: Path | str,
    out: Path | str,
    options: Mapping[str, Any] | None = None,
    title: str = "",
    tasks: Mapping[str, Mapping[str, Any] | Sequence[Mapping[str, Any]]] | None = None,
    split: Path | str | Mapping[str, Path | str] | None = None,
    compare_with: Sequence[str | Mapping[str, Any]] = (),
    versions: Mapping[str, str] | None = None,
    missing: Literal["refuse", "allow"] = "refuse",
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Judge methods on a dataset as a run does, beside both sources.

    A function is called as ``fuse(infrared, visible)``, in this process, once for each pair that
    the tasks need: infrared is uint8 [H, W], visible RGB uint8 [H, W, 3]. It returns the fused
    image, [H, W] or RGB [H, W, 3], as uint8 or as floating point in 0..1, which is rounded once.
    Fused images by stem have the same form; those of stems that the tasks do not need are
    ignored.

    The images are written into ``out`` and judged as precomputed ones, in processes of their own.
    Results are identified by the content of the images, so equal images are not judged twice. A
    function has no such identity, so without a version it is called for every image each time.

    Args:
        methods: the name of a row to a function, or to fused images by stem.
        dataset: its layout: ``folder``, ``m3fd``, ... (``ivif-bench list datasets``).
        root: the folder that holds it.
        out: run directory; a new or empty folder, or one that ``judge`` made.
        options: of the layout.
        title: the dataset's name in captions.
        tasks: sections as in a configuration, without ``dataset``: one section or a list, by
            task; None means ``{"quality": {}}``. Detection and segmentation need a protocol:
            ``{"detection": {"protocol": "m3fd-det.v1"}}``.
        split: replaces that of the sections: a name, a file, or a list file by part.
        compare_with: additional rows: registered methods, by name or as in a configuration.
        versions: of functions, by name. Images that were fused under the same version from the same
            sources are reused; change it whenever the function changes.
        missing: ``allow`` judges a method on the images it has.
        seed: of the rows of ``compare_with``.
        workers: number of parallel jobs; default is the number of processors.
        progress: called as ``(done, total, what)``, for every fused image and as ``run`` does.

    Returns:
        The run directory, as read after the run.

    Raises:
        UserError: as ``run``; an image that is not valid, of another size, or missing, with its stem.
    """
    check_workers(workers)
    if isinstance(compare_with, str):
        raise UserError(f"compare_with: a list of rows is expected, such as [{compare_with!r}]")
    folder = _run_folder(Path(out))
    given = _given(methods, versions or {})
    rows = [*_SOURCES, *compare_with, *(each.row(folder, dataset, missing) for each in given)]
    config = parse_config(
        plain_values(
            {
                "name": folder.name,
                "runs": folder.parent,
                "seed": seed,
                "datasets": {
                    dataset: {
                        "layout": dataset,
                        "root": root,
                        "options": options or {},
                        "title": title,
                    }
                },
                "methods": rows,
                **_sections(dataset, {"quality": {}} if tasks is None else tasks),
            }
        )
    )
    if split is not None:
        config = config.overridden(split=plain_values(split))
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    with locked(folder / FOLDER):  # of two calls on one folder, one waits
        _write(config, given, dataset, missing, progress)
        return run(config, workers=workers, progress=progress)


def _run_folder(folder: Path) -> Path:
    if not folder.name[:1].isalnum() or safe_name(folder.name) != folder.name:
        raise UserError(
            f"out: {folder.name!r} cannot name a run; use letters, digits, '.', '_' and '-', "
            "a letter or digit first"
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"out: {folder} is a file; give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FOLDER).is_dir():
        raise UserError(
            f"out: {folder} contains other files; give a new folder, or one that judge made"
        )
    return folder


def _given(methods: Mapping[str, Fuse | Images], versions: Mapping[str, str]) -> list[Given]:
    if not isinstance(methods, Mapping) or not methods:
        raise UserError(
            "methods: expected a name to a function, or to fused images by stem, such as "
            "{'Mine': fuse}"
        )
    for name, images in methods.items():
        if not isinstance(name, str):
            raise UserError(f"methods: {name!r} is not a name; a row's name is a string")
        if not isinstance(images, Mapping) and not callable(images):
            raise UserError(
                f"methods: {name!r} is {type(images).__name__}; expected a function, or fused images "
                "by stem"
            )
    for name, version in versions.items():
        if name not in methods:
            raise UserError(f"versions: no method {name!r}; {suggest(str(name), list(methods))}")
        if isinstance(methods[name], Mapping):
            raise UserError(f"versions: {name!r} is given as images, which need no version")
        if not isinstance(version, str) or not version:
            raise UserError(f"versions: {name!r} needs a text such as '1', not {version!r}")
    return [Given(name, images, versions.get(name, "")) for name, images in methods.items()]


def _sections(
    dataset: str, tasks: Mapping[str, Mapping[str, Any] | Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    if not isinstance(tasks, Mapping) or not tasks:
        raise UserError(
            "tasks: expected a section by task, such as {'quality': {'convention': 'cddfuse'}}"
        )
    for task in tasks:
        TASKS.get(task)
    return {
        task: {"dataset": dataset, **asked}
        if isinstance(asked, Mapping)
        else [{"dataset": dataset, **section} for section in asked]
        for task, asked in tasks.items()
    }


def _write(
    config: RunConfig,
    given: Sequence[Given],
    dataset: str,
    missing: str,
    progress: Progress | None,
) -> None:
    """Write the images of all methods, after everything that can be checked before has been checked."""
    store = Store(config.folder)
    pairs = RunPlan(config, store).pairs[dataset]
    for method in given:
        write_given(
            method,
            pairs,
            store,
            missing,
            progress or (lambda done, total, what: None),
            Teller(progress).note,
        )
