"""DDFM's intermediate maps: estimates along the chain, and what the prior computes in its last step."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from torch import Tensor, nn

from ivif_bench.features import FeatureMap

_OF_MOMENT = {
    "estimate": ("clean", "clean image that the prior sees, RGB in [-1, 1]"),
    "luma": ("luma", "luma of that estimate"),
    "rectified": ("rectified", "luma after the EM step"),
    "noise": ("noise", "noise that the prior sees"),
}


def maps_of(
    network: nn.Module, moments: nn.Module, steps: int, scale: int
) -> dict[str, FeatureMap]:
    """Maps of one chain, by name.

    Args:
        network: the prior, diffusers' ``UNet2DModel``.
        moments: is called with each step's ``Moment``.
        steps: of the chain.
        scale: full size over the size at which the chain runs.
    """
    places = {"first": 0, "middle": steps // 2, "last": steps - 1}
    maps: dict[str, FeatureMap] = {}
    for place, call in places.items():
        for name, (field, text) in _OF_MOMENT.items():
            maps[f"{name}-{place}"] = FeatureMap(
                f"{text}, step {call + 1} of {steps}",
                moments,
                call,
                _of(attrgetter(field)),
                scale,
                main=name in ("luma", "rectified"),
            )
    prior: Any = network
    last = steps - 1
    for at, block in enumerate(prior.down_blocks, start=1):
        scale *= 2 if block.downsamplers is not None else 1
        maps[f"down-{at}"] = FeatureMap(
            f"prior, after level {at} of its encoder, last step",
            block,
            last,
            _of_down,
            scale,
            main=False,
        )
    maps["bottom"] = FeatureMap(
        "prior, its middle block, last step", prior.mid_block, last, scale=scale
    )
    for at, block in enumerate(prior.up_blocks, start=1):
        scale //= 2 if block.upsamplers is not None else 1
        maps[f"up-{at}"] = FeatureMap(
            f"prior, after level {at} of its decoder, last step",
            block,
            last,
            scale=scale,
            main=at == len(prior.up_blocks),
        )
    return maps


def _of(field: Callable[[Any], Any]) -> Callable[[tuple[Any, ...], Any], Tensor]:
    def pick(_inputs: tuple[Any, ...], moment: Any) -> Tensor:
        value: Tensor = field(moment)
        return value

    return pick


def _of_down(_inputs: tuple[Any, ...], output: Any) -> Tensor:
    sample: Tensor = output[0]
    return sample
