"""An ablation as a run: the networks that it needs are trained, and its rows become methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivif_bench.ablation import ABLATIONS, AblationRow, AblationSpec
from ivif_bench.config import MethodConfig, RunConfig
from ivif_bench.errors import UserError
from ivif_bench.files import read_json, write_json
from ivif_bench.fusion import METHODS
from ivif_bench.reports.presets import TableOptions
from ivif_bench.training import TRAININGS, TrainingRequest, train
from ivif_bench.types import Progress
from ivif_bench.validation import checked

_RECORD = "ablation.json"


@dataclass(frozen=True, slots=True)
class AblationRequest:
    """The arguments of ``ivif-bench ablate``.

    Attributes:
        lite: rows of the small form.
        data: sources of training pairs, as ``TrainingRequest.data``.
        device: of the trainings.
        options: of the method of every row, or settings of every training.
    """

    lite: bool = False
    data: tuple[str, ...] = ()
    device: str = "cpu"
    options: Mapping[str, Any] = field(default_factory=dict)


def ablation_run(
    name: str,
    config: RunConfig,
    request: AblationRequest,
    counting: Callable[[str], AbstractContextManager[Progress]],
) -> RunConfig:
    """The run of an ablation on the datasets of another run; trains what it needs and is not there.

    Trainings lie in ``<runs>/<name of the run>-trainings``. A finished one is used again, an interrupted
    one is continued.

    Args:
        counting: makes the progress of a training, called with its title.

    Raises:
        UserError: an unknown ablation, no quality section, no training data or data for rows that are
            not trained, an unknown option, or a training of other settings in the folder.
    """
    spec = ABLATIONS.get(name)
    where = f"ablate {name}"
    rows: tuple[AblationRow, ...] = ABLATIONS.load(name)
    if "quality" not in config.sections:
        raise UserError(f"{where}: the configuration has no section 'quality'; add one")
    if bool(spec.training) != bool(request.data):
        raise UserError(
            f"{where}: give training pairs with --data, such as --data msrs=FOLDER"
            if spec.training
            else f"{where}: its rows are not trained, leave out --data"
        )
    method = spec.lite if request.lite else spec.method
    folder = config.folder.with_name(f"{config.name}-trainings")
    defined = [row for row in rows if not row.undefined]
    given = {row.name: _options(spec, row, request) for row in defined}
    options: dict[str, Mapping[str, Any]] = dict(given)
    if spec.training:
        for row in defined:
            with counting(f"train {row.name}") as progress:
                place = folder / f"{method}-{row.name}"
                weights = _trained(spec, place, request, given[row.name], config.seed, progress)
            options[row.name] = {"weights": str(weights)}
    else:
        for row in defined:
            checked(METHODS.get(method).options, dict(options[row.name]), where)
    methods = tuple(
        MethodConfig(name=row.name, type=method, title=row.title, options=dict(options[row.name]))
        for row in defined
    )
    return config.model_copy(
        update={
            "name": f"{config.name}-{name}{'-lite' if request.lite else ''}",
            "methods": methods,
            "sections": {"quality": config.sections["quality"]},
            "published": (spec.published,) if spec.published else (),
            "table": (_table(spec, rows, config, request),),
        }
    )


def _options(spec: AblationSpec, row: AblationRow, request: AblationRequest) -> dict[str, Any]:
    """What a row sets of its method or, if it is trained, all settings of its training."""
    if not spec.training:
        return {**request.options, **row.options}
    preset = spec.lite_preset if request.lite else spec.preset
    own = {**row.settings, **(row.lite_settings if request.lite else {})}
    values = {**own, **request.options, **row.settings}
    settings = TRAININGS.get(spec.training).settings(preset, values)
    return settings.model_dump(mode="json")


def _trained(
    spec: AblationSpec,
    folder: Path,
    request: AblationRequest,
    settings: Mapping[str, Any],
    seed: int,
    progress: Progress,
) -> Path:
    """The weights file of a row."""
    preset = spec.lite_preset if request.lite else spec.preset
    asked = {
        "training": spec.training,
        "preset": preset,
        "settings": dict(settings),
        "data": list(request.data),
        "seed": seed,
    }
    record = folder / _RECORD
    if folder.exists():
        try:
            found = read_json(record)
            known, weights = found["asked"], folder / str(found["weights"])
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise UserError(
                f"{folder} is no training of 'ablate'; move it away or delete it"
            ) from problem
        if known != asked:
            different = [key for key in asked if known.get(key) != asked[key]]
            raise UserError(
                f"{folder} was trained with other {', '.join(different)}; repeat them, or delete the "
                "folder to train again"
            )
        if weights.is_file():
            return weights
    write_json(record, {"asked": asked, "weights": ""})
    weights = train(
        spec.training,
        TrainingRequest(
            request.data,
            folder,
            preset,
            resume=True,
            device=request.device,
            seed=seed,
            options=settings,
            progress=progress,
        ),
    )
    write_json(record, {"asked": asked, "weights": weights.name})
    return weights


def _table(
    spec: AblationSpec, rows: tuple[AblationRow, ...], config: RunConfig, request: AblationRequest
) -> TableOptions:
    """The preset of the ablation with its rows, on the datasets of the run."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.group:
            groups.setdefault(row.group, []).append(row.name)
    what = METHODS.get(spec.lite if request.lite else spec.method).title
    about = [f"{spec.title}: {what}"]
    if spec.training:
        about.append(f"trained here on {', '.join(request.data)}, not the paper's networks")
    about += [f"{key} {value}" for key, value in request.options.items()]
    quality = config.sections["quality"]
    return checked(
        TableOptions,
        {
            "preset": spec.name,
            "datasets": list(dict.fromkeys(section.dataset for section in quality)),
            "methods": [row.name for row in rows],
            "names": {row.name: f"{row.title} (not defined)" for row in rows if row.undefined},
            "groups": groups,
            "undefined": {row.name: row.undefined for row in rows if row.undefined},
            "remarks": {row.name: row.remark for row in rows if row.remark},
            "caption": f"{', '.join(about)}.",
        },
        f"ablate {spec.name}",
    )
