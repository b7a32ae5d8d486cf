"""OpenAI's unconditional ADM checkpoint into diffusers' ``UNet2DModel``, tensor by tensor.

The checkpoint keeps queries, keys and values head by head (q of head 1, k of head 1, v of head 1,
q of head 2, ...), so splitting ``qkv`` into thirds is wrong. Everything is checked by name and shape
before anything is converted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from ivif_bench.errors import UserError, first_few
from ivif_bench.fusion_models.ddfm.prior import ADM, PriorShape, build
from ivif_bench.tensors import read_tensors

_RESIDUAL = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
_QKV = ("to_q", "to_k", "to_v")


@dataclass(frozen=True)
class Part:
    """A tensor of the checkpoint and what it becomes.

    Attributes:
        shape: it must have in the checkpoint.
        targets: one name in the diffusers network, or three for queries, keys and values.
    """

    shape: tuple[int, ...]
    targets: tuple[str, ...]


def convert_file(source: Path, target: Path) -> None:
    """Convert OpenAI's ``256x256_diffusion_uncond.pt`` to safetensors for ``ddfm``.

    The source is read with ``weights_only``; no code in it is ever run.

    Raises:
        UserError: unreadable, or a tensor is missing, unknown or of another shape.
    """
    converted = convert_state(read_tensors(source), ADM, str(source))
    about = {"shape": ADM.arguments, "stride": ADM.stride, "source": source.name}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    try:
        save_file(converted, partial, {"prior": json.dumps(about)})
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def convert_state(
    state: Mapping[str, Tensor], shape: PriorShape, where: str = "state dict"
) -> dict[str, Tensor]:
    """A state dict with ADM's names as one with the names of ``UNet2DModel``.

    Raises:
        UserError: tensors are missing, unknown or of another shape; the message names them.
    """
    parts = adm_parts(shape)
    if missing := sorted(parts.keys() - state.keys()):
        raise UserError(f"{where}: {len(missing)} tensors are missing: {first_few(missing, 4)}")
    if unknown := sorted(state.keys() - parts.keys()):
        raise UserError(f"{where}: {len(unknown)} tensors are unknown: {first_few(unknown, 4)}")
    head = int(shape.arguments["attention_head_dim"])
    converted: dict[str, Tensor] = {}
    for name, part in parts.items():
        value = state[name]
        if tuple(value.shape) != part.shape:
            raise UserError(
                f"{where}: {name} has shape {tuple(value.shape)}, expected {part.shape}"
            )
        if len(part.targets) == 3:
            by_head = value.reshape(-1, 3, head, *value.shape[1:])
            each = (value.shape[0] // 3, *value.shape[1:2])
            for index, target in enumerate(part.targets):
                converted[target] = by_head[:, index].reshape(each).contiguous()
        else:
            is_projection = name.endswith("proj_out.weight")
            converted[part.targets[0]] = (value.flatten(1) if is_projection else value).contiguous()
    return converted


def adm_parts(shape: PriorShape) -> dict[str, Part]:
    """Every tensor of an ADM checkpoint of that shape, with its shape and its place in diffusers."""
    with torch.device("meta"):
        sizes = {name: tuple(t.shape) for name, t in build(shape).state_dict().items()}
    parts: dict[str, Part] = {}
    for source, target in _modules(shape):
        for kind in ("weight", "bias"):
            for adm, ours in _tensors(source, target, kind, sizes):
                parts[adm] = ours
    placed = {target for part in parts.values() for target in part.targets}
    if placed != sizes.keys():
        raise ValueError(f"no source for {sorted(sizes.keys() - placed)}")
    return parts


def _tensors(
    source: str, target: str, kind: str, sizes: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, Part]]:
    """Tensors of one module: a residual block, an attention or a plain layer."""
    if f"{target}.{kind}" in sizes:
        yield f"{source}.{kind}", Part(sizes[f"{target}.{kind}"], (f"{target}.{kind}",))
        return
    for adm, ours in _RESIDUAL.items():
        name = f"{target}.{ours}.{kind}"
        if name in sizes:
            yield f"{source}.{adm}.{kind}", Part(sizes[name], (name,))
    norm = f"{target}.group_norm.{kind}"
    if norm not in sizes:
        return
    yield f"{source}.norm.{kind}", Part(sizes[norm], (norm,))
    queries = sizes[f"{target}.to_q.{kind}"]
    one = (1,) if kind == "weight" else ()  # ADM writes them as 1-D convolutions
    names = (f"{target}.{part}.{kind}" for part in _QKV)
    yield f"{source}.qkv.{kind}", Part((3 * queries[0], *queries[1:], *one), tuple(names))
    out = f"{target}.to_out.0.{kind}"
    yield f"{source}.proj_out.{kind}", Part((*sizes[out], *one), (out,))


def _modules(shape: PriorShape) -> Iterator[tuple[str, str]]:
    """Modules of ADM and of diffusers that correspond."""
    yield from _ENDS.items()
    blocks = int(shape.arguments["layers_per_block"])
    down, up = shape.arguments["down_block_types"], shape.arguments["up_block_types"]
    position = 1
    for level, kind in enumerate(down):
        for block in range(blocks):
            yield f"input_blocks.{position}.0", f"down_blocks.{level}.resnets.{block}"
            if kind.startswith("Attn"):
                yield f"input_blocks.{position}.1", f"down_blocks.{level}.attentions.{block}"
            position += 1
        if level < len(down) - 1:
            yield f"input_blocks.{position}.0", f"down_blocks.{level}.downsamplers.0"
            position += 1
    for part, target in enumerate(("resnets.0", "attentions.0", "resnets.1")):
        yield f"middle_block.{part}", f"mid_block.{target}"
    for level, kind in enumerate(up):
        for block in range(blocks + 1):
            source = f"output_blocks.{level * (blocks + 1) + block}"
            yield f"{source}.0", f"up_blocks.{level}.resnets.{block}"
            has_attention = kind.startswith("Attn")
            if has_attention:
                yield f"{source}.1", f"up_blocks.{level}.attentions.{block}"
            if block == blocks and level < len(up) - 1:
                yield f"{source}.{1 + has_attention}", f"up_blocks.{level}.upsamplers.0"
