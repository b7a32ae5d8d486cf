"""Keys and hashes of a run that is planned but not computed, for comparison with recorded ones.

``python tests/support/recorded_keys.py [RUN ...]`` prints them in the form of
``tests/bench/recorded/keys-4c0a0a1.json``; the run ``real-sample`` needs ``../shared``.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ivif_bench.config_reading import load_config
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.pipeline.plan import RunPlan, plan_document
from ivif_bench.pipeline.run import Listener, write_demo_data
from ivif_bench.store import Store
from ivif_bench.types import Progress

CONFIGS = ("demo", "real-sample")
_TASKS = ("detection", "segmentation")  # those with protocols in files


def planned_keys(config: str, configs: Path, shared: Path, folder: Path) -> dict[str, Any]:
    """Plan a shipped run in an empty folder and return what identifies its images and results.

    Every file of the datasets and of the run stands for itself by its name, not by its content, so
    nothing is fused and no processor matters. Weights files that are shipped count by content.

    Args:
        config: name of the run.
        configs: the folder with its file and its split files.
        shared: the folder that the run finds at ``../shared``; may be absent.
        folder: takes demo scenes and the run directory.

    Returns:
        ``images``: key of each method's images. ``sections``: by task, dataset and seed, the names
        and hashes of the protocol and the split, and the key of each method's unit.
    """
    cwd, shared = folder / "checkout", shared.absolute()
    cwd.mkdir()
    shutil.copytree(configs, cwd / "configs")
    (folder / "shared").symlink_to(shared)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)  # paths in options are part of keys as they are written
        patch.delenv("IVIF_BENCH_SHARED", raising=False)
        file = cwd / "configs" / f"{config}.yaml"
        # The demo was judged by this protocol when its keys were recorded.
        text = file.read_text().replace("demo-det-original.v1", "demo-det.v1")
        file.write_text(text)
        run = load_config(file)
        store = Store(run.folder)
        patch.setattr(store, "fingerprint", _ByName({"checkout": cwd, "shared": shared}))
        write_demo_data(run, Listener())
        plan = RunPlan(run, store)
        planned = [
            unit
            for _, task, section in plan.sections
            for method in plan.methods_of(task, section)
            for unit in plan.units(task, section, method)
        ]
        units = plan_document(plan, planned, plan.fused(), {})["units"]
    sections: dict[str, Any] = {}
    for unit in units:
        if unit["task"] == "complexity":
            continue  # its keys are those of a machine
        about = unit["about"]
        section = {
            "protocol": unit["protocol"],
            "protocol_sha256": about.get("protocol_sha256"),
            "split_sha256": about["split_sha256"],
        }
        name = f"{unit['task']}, {unit['dataset']}, seed {unit['seed']}"
        found = sections.setdefault(name, {**section, "units": {}})
        assert section.items() <= found.items(), f"{name}: methods differ in {section}"
        assert unit["method"] not in found["units"], f"{name}: two units of {unit['method']}"
        found["units"][unit["method"]] = unit["key"]
    return {"images": {unit["method"]: unit["fused"] for unit in units}, "sections": sections}


def protocol_hashes() -> dict[str, str]:
    """sha256 of every shipped protocol, by task and name."""
    found = {}
    for task in _TASKS:
        module = importlib.import_module(f"ivif_bench.tasks.{task}.protocol")
        for path in sorted(module.SHIPPED_PROTOCOLS.glob("*.yaml")):
            found[f"{task}, {path.stem}"] = module.load_protocol(path.stem).sha256
    return found


class _ByName(Fingerprints):
    """Hashes the name of a file below one of the roots, any other's content."""

    def __init__(self, roots: dict[str, Path]) -> None:
        super().__init__(None)
        self._roots = roots

    def __call__(self, path: Path | str) -> str:
        file = Path(path).resolve()
        for name, root in self._roots.items():
            if file.is_relative_to(root.resolve()):
                inside = file.relative_to(root.resolve())
                return hashlib.sha256(f"{name}/{inside.as_posix()}".encode()).hexdigest()
        return super().__call__(path)

    def many(self, paths: Iterable[Path | str], progress: Progress | None = None) -> list[str]:
        return [self(path) for path in paths]


def main() -> None:
    """Print the keys and hashes of the named runs, or of all, from the root of a checkout."""
    shared = Path(os.environ.get("IVIF_BENCH_SHARED", "../shared"))
    runs = {}
    for config in sys.argv[1:] or CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            runs[config] = planned_keys(config, Path("configs"), shared, Path(folder))
    print(json.dumps({"runs": runs, "protocols": protocol_hashes()}, indent=1))


if __name__ == "__main__":
    main()
