"""Files of SR3-style diffusion networks: ``denoise_fn.*`` tensors and twelve schedule tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ivif_bench.errors import UserError, first_few
from ivif_bench.fusion_models.sr3.schedule import Kind, checkpoint_buffers

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.fusion_models.sr3.unet import UNet

PREFIX = "denoise_fn."


def load_unet(unet: UNet, tensors: Mapping[str, Tensor], where: str) -> None:
    """Fill the network from a file's tensors, strictly.

    Args:
        unet: the network to fill.
        tensors: the file's content: every tensor of the network under ``denoise_fn.``; the twelve
            schedule tables may be there too and are not used.
        where: name of the file, for messages.

    Raises:
        UserError: a tensor is missing, unknown, or of another shape.
    """
    tables = checkpoint_buffers("cosine").keys()
    found = {key: value for key, value in tensors.items() if key not in tables}
    expected = {PREFIX + key: value for key, value in unet.state_dict().items()}
    missing = sorted(expected.keys() - found.keys())
    unknown = sorted(found.keys() - expected.keys())
    if missing or unknown:
        raise UserError(
            f"{where}: not the diffusion network expected here; "
            f"missing: {first_few(missing, 3) or 'none'}; unknown: {first_few(unknown, 3) or 'none'}"
        )
    for key, value in found.items():
        if value.shape != expected[key].shape:
            raise UserError(
                f"{where}: tensor {key} has shape {list(value.shape)}, expected "
                f"{list(expected[key].shape)}; it belongs to a network of another width"
            )
    unet.load_state_dict({key.removeprefix(PREFIX): value.float() for key, value in found.items()})


def unet_tensors(unet: UNet, schedule: Kind | None = None) -> dict[str, Tensor]:
    """The network's tensors under their published names, with the schedule's tables if asked for."""
    import torch

    named = {PREFIX + key: value for key, value in unet.state_dict().items()}
    if schedule is None:
        return named
    tables = checkpoint_buffers(schedule)
    return named | {key: torch.from_numpy(table) for key, table in tables.items()}
