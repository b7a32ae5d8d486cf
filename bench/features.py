"""Named intermediate maps of a fusion method: how it declares them, and how they are captured.

A method names modules of its network and which of their calls it means
(``FusionMethod.feature_maps``); forward hooks read the values while one pair is fused as a run fuses
it, so nothing of the method is computed twice or in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ivif_bench.errors import UserError
from ivif_bench.registry import suggest

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from ivif_bench.types import StoredImage


def _output(inputs: tuple[Any, ...], output: Any) -> Any:
    return output


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """One intermediate map of a method that fuses one pair.

    Attributes:
        text: what it is, for a list.
        module: whose forward call computes or receives it.
        call: which of that module's calls while one pair is fused, from 0.
        pick: ``(inputs, output)`` of that call to the map, [1, C, h, w]; by default the output.
        scale: pixels of the image that one pixel of the map stands for, along each side. The map's
            upper left corner is that of the image; at the right and at the bottom it may be larger by
            what the method pads.
        main: drawn unless other maps are asked for.
    """

    text: str
    module: nn.Module
    call: int = 0
    pick: Callable[[tuple[Any, ...], Any], Tensor] = _output
    scale: int = 1
    main: bool = True


def chosen(maps: Mapping[str, FeatureMap], wanted: Sequence[str], method: str) -> list[str]:
    """The names that were asked for, or those of the main maps.

    Raises:
        UserError: the method declares no maps, or none of that name.
    """
    if not maps:
        raise UserError(f"method {method!r} declares no intermediate maps with these options")
    for name in wanted:
        if name not in maps:
            raise UserError(
                f"method {method!r} has no intermediate map {name!r}; {suggest(name, list(maps))}"
            )
    return list(dict.fromkeys(wanted)) or [name for name, each in maps.items() if each.main]


def capture(
    fuse: Callable[[StoredImage, StoredImage, int], Tensor],
    infrared: StoredImage,
    visible: StoredImage,
    seed: int,
    wanted: Mapping[str, FeatureMap],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Fuse one pair as a run does, and keep intermediate maps of it.

    Args:
        fuse: ``fuse_stored`` of a method.
        infrared, visible: as stored, of one height and width.
        seed: of this image.
        wanted: some of what ``feature_maps()`` of that method declares.

    Returns:
        The fused image, float32 [1 or 3, H, W] in [0, 1]; and each map without what the method has
        padded, float32 [C, h, w].

    Raises:
        UserError: a map that was not computed, or is no map of one image.
    """
    import torch

    by_module: dict[Any, list[str]] = {}
    for name, each in wanted.items():
        by_module.setdefault(each.module, []).append(name)
    size = infrared.pixels.shape[:2]
    found: dict[str, np.ndarray] = {}

    def hook(names: list[str]) -> Callable[[Any, tuple[Any, ...], Any], None]:
        calls = 0

        def keep(_module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            nonlocal calls
            for name in names:
                if wanted[name].call == calls:
                    found[name] = _kept(name, wanted[name], inputs, output, size)
            calls += 1

        return keep

    handles = [module.register_forward_hook(hook(names)) for module, names in by_module.items()]
    try:
        with torch.inference_mode():
            fused = fuse(infrared, visible, seed)
    finally:
        for handle in handles:
            handle.remove()
    if gone := [name for name in wanted if name not in found]:
        raise UserError(f"intermediate map {gone[0]!r} was not computed with these options")
    picture: np.ndarray = fused[0].float().cpu().numpy()
    return picture, found


def _kept(
    name: str, each: FeatureMap, inputs: tuple[Any, ...], output: Any, size: tuple[int, ...]
) -> np.ndarray:
    """A copy of the part of a map that the image covers."""
    import torch

    value = each.pick(inputs, output)
    if value.ndim != 4 or len(value) != 1:
        raise UserError(
            f"intermediate map {name!r} has shape {list(value.shape)}; expected [1, C, h, w]"
        )
    height, width = (-(-side // each.scale) for side in size)
    part = value[0, :, :height, :width].detach()
    copied: np.ndarray = part.to("cpu", torch.float32, copy=True).numpy()
    return copied
