"""DMNet's intermediate maps, among them those before and after CSAB that the paper's figure 11 shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ivif_bench.features import FeatureMap
from ivif_bench.fusion_models.dmnet.network import INFRARED, LATENT, VISIBLE, DMNet

_SOURCES = {"infrared": INFRARED, "visible": VISIBLE, "latent": LATENT}


def maps_of(network: DMNet) -> dict[str, FeatureMap]:
    """Maps of one forward call, by name; equations are numbered as in the paper."""
    encoders, attention = network.encoders, network.attention
    maps: dict[str, FeatureMap] = {}
    for name in ("infrared", "visible"):
        # Encoders that are shared are called for infrared first.
        call, which = divmod(_SOURCES[name], len(encoders))
        maps[f"base-{name}"] = FeatureMap(
            f"base features of {name}, Eq. 1", encoders[which], call, lambda _, out: _first(out)
        )
    for name, source in _SOURCES.items():
        call, which = divmod(source, len(attention))
        module = attention[which]
        what = "latent features, Eq. 9" if source == LATENT else f"detail features of {name}, Eq. 2"
        maps[f"before-csab-{name}"] = FeatureMap(what, module, call, lambda inputs, _: inputs[0])
        maps[f"after-csab-{name}"] = FeatureMap(
            f"the same after CSAB, Eq. 10 ({name})", module, call
        )
    maps["joined"] = FeatureMap(
        "sum of the three after CSAB, the decoder's input, Eq. 12",
        network.decoder,
        pick=lambda inputs, _: inputs[0],
    )
    maps["diffusion-input"] = FeatureMap(
        "two-channel image that the diffusion module sees, Eq. 9", network.latent_input, main=False
    )
    if network.diffusion is not None:
        for level in range(len(network.diffusion.taps)):
            maps[f"diffusion-{level + 1}"] = FeatureMap(
                f"UNet decoder features, scale 1/{2**level}, as the projection gets them",
                network.diffusion.projection,
                pick=_scale(level),
                scale=2**level,
                main=False,
            )
    return maps


def _first(output: Any) -> Tensor:
    base: Tensor = output[0]
    return base


def _scale(level: int) -> Callable[[tuple[Any, ...], Any], Tensor]:
    def pick(inputs: tuple[Any, ...], _output: Any) -> Tensor:
        scale: Tensor = inputs[0][level]
        return scale

    return pick
