"""The network in strips of rows: the same result, without the wide maps inside its layers.

A layer is computed strip by strip, each with as many neighbouring rows as its result depends on.
Values that depend on the whole image are sums, which a first pass over the strips computes:
the channel correlations of the transformer blocks, the means and variances of the UNet's group
normalisation. Results differ from the plain network by the order of float32 sums only. Maps
between layers are kept whole; the pooling of CSAB and the UNet's middle attention need no strips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ivif_bench.fusion_models.dmnet.blocks import InvertibleNode, PixelSums, RestormerBlock
from ivif_bench.fusion_models.dmnet.network import DMNet
from ivif_bench.fusion_models.sr3.unet import Block


def use_strips(network: DMNet, rows: int) -> None:
    """Permanently change a network to work in strips of that many rows; it cannot be trained then."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) in _STRIPED:
                setattr(parent, name, Striped(child, rows))


class Striped(nn.Module):
    """A layer computed in strips."""

    def __init__(self, layer: nn.Module, rows: int) -> None:
        super().__init__()
        self.layer = layer
        self.rows = rows

    def forward(self, x: Tensor) -> Tensor:
        """The output of the layer for x."""
        return _STRIPED[type(self.layer)](self.layer, x, self.rows)


def _strips(height: int, rows: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Rows to read of the image, and which rows of what was read count."""
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = max(0, top - halo), min(height, bottom + halo)
        yield slice(first, last), slice(top - first, bottom - first)


def _in_strips(function: Callable[[Tensor], Tensor], x: Tensor, rows: int, halo: int) -> Tensor:
    """function(x), for a function whose row depends on ``halo`` rows of x on either side."""
    out = None
    for read, counts in _strips(x.shape[2], rows, halo):
        part = function(x[:, :, read])[:, :, counts]
        if out is None:
            out = part.new_empty(*part.shape[:2], *x.shape[2:])
        top = read.start + counts.start
        out[:, :, top : top + part.shape[2]] = part
    assert out is not None
    return out


def _transformer(block: RestormerBlock, x: Tensor, rows: int) -> Tensor:
    sums: PixelSums | None = None
    for read, counts in _strips(x.shape[2], rows, 1):
        part = block.attn.sums(block.norm1(x[:, :, read]), counts)
        sums = part if sums is None else sums + part
    assert sums is not None
    weights = block.attn.weights(sums)

    def rest(part: Tensor) -> Tensor:
        part = part + block.attn.mix(block.norm1(part), weights)
        out: Tensor = part + block.ffn(block.norm2(part))
        return out

    return _in_strips(rest, x, rows, halo=2)  # two 3x3 convolutions in a row


def _node(node: InvertibleNode, x: Tensor, rows: int) -> Tensor:
    return _in_strips(node, x, rows, halo=2)  # z2 reads one row around z1, then z1 around z2


def _block(block: Block, x: Tensor, rows: int) -> Tensor:
    norm, activation, _, convolution = block.block
    assert isinstance(norm, nn.GroupNorm)
    grouped = torch.unflatten(x, 1, (norm.num_groups, -1))
    variance, mean = torch.var_mean(grouped, dim=(2, 3, 4), correction=0, keepdim=True)
    each = norm.num_channels // norm.num_groups
    inverse = (variance + norm.eps).rsqrt().repeat_interleave(each, dim=1)[:, :, 0]
    scale = inverse * norm.weight[:, None, None]
    shift = norm.bias[:, None, None] - scale * mean.repeat_interleave(each, dim=1)[:, :, 0]
    return _in_strips(lambda part: convolution(activation(part * scale + shift)), x, rows, halo=1)


_STRIPED: dict[type[nn.Module], Callable[..., Tensor]] = {
    RestormerBlock: _transformer,
    InvertibleNode: _node,
    Block: _block,
}
