"""Any network of mmsegmentation that a user has a configuration file of.

Of the file only ``model`` counts; images, augmentation, schedule and weights are the protocol's. The file
is read as values and never executed (``_mmseg_config``), and its content becomes part of the protocol, so
that hashes and keys do not depend on where it lies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.tasks.segmentation.segmenters._mmseg_config import clean_model, read_model
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegInference, MmsegTraining
from ivif_bench.tasks.segmentation.segmenters.mmseg_networks import PACKAGES, WARM


class ConfiguredInference(MmsegInference):
    """As for the networks by name, and the network itself."""

    config: str | None = Field(
        None,
        description="configuration file of mmsegmentation, whose 'model' is taken as values; no code in "
        "it is run",
    )
    model: dict[str, Any] = Field(
        default_factory=dict,
        description="what config was read as, or the same written here",
        json_schema_extra={"allowed": "mapping"},
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        config, model = values.get("config"), values.get("model")
        if (config is None) == (not model):
            raise ValueError("give either config, a file of mmsegmentation, or model")
        if config is not None and isinstance(config, str):
            return {**values, "config": None, "model": read_model(Path(config))}
        return {**values, "model": clean_model(model)} if isinstance(model, Mapping) else values

    @property
    def summary(self) -> str:
        text = json.dumps(self.model, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        heads = self.model["decode_head"]
        head = heads[-1] if isinstance(heads, list) else heads
        named = f"{head.get('type')} on {self.model['backbone'].get('type')} (sha256 {digest})"
        return ", ".join(filter(None, [named, super().summary]))


SPECS = (
    NetworkSpec(
        name="mmseg-config",
        entry="ivif_bench.tasks.segmentation.segmenters._mmseg:ConfiguredSegmenter",
        title="mmsegmentation",
        parameters=0,
        licence="Apache-2.0 (mmsegmentation)",
        modes=("retrain", "frozen", "released"),
        checkpoints=("last", "best"),
        inference=ConfiguredInference,
        training=MmsegTraining,
        training_version=2,
        packages=PACKAGES,
        warm=WARM,
    ),
)
