"""Criss-cross attention, exact, in bounded memory.

A pixel attends to the pixels of its row and its column, itself once, under one softmax over both
(Huang et al., CCNet, 2019). The plain form keeps H * W * (H + W) scores per direction several
times over: 31.5 GiB at 1024x768. Here a few rows or columns are computed at a time. Each line
yields its unnormalised sum, its normaliser and its largest score; the softmax over row and column
together follows from those exactly:

    out = (e^(m_r - m) S_r + e^(m_c - m) S_c) / (e^(m_r - m) Z_r + e^(m_c - m) Z_c)

with m = max(m_r, m_c).
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ivif_bench.fusion_models.dmfuse.options import DEFAULT_BUDGET

CPU_CACHE = 8 << 20  # score maps that stay in a core's cache are twice as fast
_COPIES = 4  # of the values: rows or columns in order, the sums of both, one while joining

# Sum weighted by e^(score - max), with the normaliser as last channel; and the largest score.
Lines = tuple[Tensor, Tensor]


def criss_cross(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    memory_budget: int = DEFAULT_BUDGET,
    fused: bool = False,
) -> Tensor:
    """Attention of every pixel over its row and its column, without scaling.

    Args:
        query: [N, D, H, W].
        key: [N, D, H, W].
        value: [N, C, H, W].
        memory_budget: bytes used besides inputs and result: four copies of the values, and
            score maps of as many rows or columns as fit in the rest. The minimum is one, so
            4 * max(H, W)^2 bytes of scores are always used. With gradients, maps that do not fit
            together are computed again in the backward pass, which needs as much again.
        fused: use one compiled kernel instead of chunks; CUDA only.

    Returns:
        [N, C, H, W].
    """
    height = query.shape[2]
    room = memory_budget - _COPIES * 4 * (value.numel() + value[:, :1].numel())
    maps = 4 * value[:, 0].numel() * (height + query.shape[3])
    attend = _attend_fused if fused else functools.partial(_attend, room=room, keep=maps <= room)
    total, largest = attend([x.permute(0, 2, 3, 1) for x in (query, key, value)], skip_self=False)
    if height > 1:
        columns = [x.permute(0, 3, 2, 1) for x in (query, key, value)]
        column_total, column_largest = (x.transpose(1, 2) for x in attend(columns, skip_self=True))
        joint = torch.maximum(largest, column_largest)
        total = total * (largest - joint).exp()[..., None]
        total += column_total * (column_largest - joint).exp()[..., None]
    return (total[..., :-1] / total[..., -1:]).permute(0, 3, 1, 2)


def lines_at_once(length: int, room: int, device: torch.device) -> int:
    """How many lines of that length have score maps of at most ``room`` bytes, at least one."""
    limit = min(room, CPU_CACHE) if device.type == "cpu" else room
    return max(1, limit // (4 * length * length))


def _attend(lines: list[Tensor], skip_self: bool, room: int, keep: bool) -> Lines:
    """Attention within lines: query, key and value [N, lines, length, channels], a few at a time."""
    shape = lines[0].shape[:3]
    query, key, value = lines
    # The normaliser is summed with the values: one more channel, of ones.
    value = torch.cat((value, value.new_ones(*shape, 1)), dim=3)
    flat = [x.reshape(-1, shape[2], x.shape[3]) for x in (query, key, value)]
    step = lines_at_once(shape[2], room, query.device)
    if torch.is_grad_enabled() and any(x.requires_grad for x in flat):
        total, peak = _with_gradient(flat, skip_self, step, keep)
    else:
        total, peak = _in_place(flat, skip_self, step)
    return total.reshape(*shape, -1), peak.reshape(shape)


def _in_place(flat: list[Tensor], skip_self: bool, step: int) -> Lines:
    """All chunks with one score map that is reused, so that memory is not fragmented."""
    query, key, value = flat
    count, length = value.shape[:2]
    total, peak = torch.empty_like(value), value.new_empty(count, length)
    scores = value.new_empty(min(step, count), length, length)
    for start in range(0, count, step):
        part = slice(start, start + step)
        chunk = scores[: min(step, count - start)]
        torch.bmm(query[part], key[part].transpose(1, 2), out=chunk)
        if skip_self:
            chunk.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
        torch.amax(chunk, dim=2, out=peak[part])
        torch.bmm(chunk.sub_(peak[part][:, :, None]).exp_(), value[part], out=total[part])
    return total, peak


def _with_gradient(flat: list[Tensor], skip_self: bool, step: int, keep: bool) -> Lines:
    """The same in a form that can be differentiated; ``keep`` keeps the score maps for that."""
    found = []
    for q, k, v in zip(*(torch.split(x, step) for x in flat), strict=True):
        if keep:
            found.append(_attend_part(q, k, v, skip_self))
        else:
            found.append(checkpoint(_attend_part, q, k, v, skip_self, use_reentrant=False))
    totals, peaks = zip(*found, strict=True)
    return torch.cat(totals), torch.cat(peaks)


def _attend_part(query: Tensor, key: Tensor, value: Tensor, skip_self: bool) -> Lines:
    scores = torch.bmm(query, key.transpose(1, 2))
    if skip_self:
        scores.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
    # The softmax is the same whatever is taken off the scores, so no gradient flows through this.
    peak = scores.detach().amax(dim=2)
    weights = scores.sub_(peak[:, :, None]).exp_()
    return torch.bmm(weights, value), peak


def _attend_fused(lines: list[Tensor], skip_self: bool) -> Lines:
    """The same with the compiled kernel; its means and log-sums are combined like sums and peaks."""
    from ivif_bench.fusion_models.dmfuse.fused_attention import attend_fused, compiled

    query, key, value = (x.flatten(0, 1) for x in lines)
    mean, logarithm = attend_fused(query, key, value, skip_self, compiled())
    total = torch.cat((mean, torch.ones_like(mean[..., :1])), dim=2)
    shape = lines[0].shape[:3]
    return total.reshape(*shape, -1), logarithm.reshape(shape)


class CrissCrossFusion(nn.Module):
    """Attention to each modality with the other's query; one module for both directions and all scales.

    ``gamma`` is the learned share of what attention adds; it starts at 0. ``memory_budget`` and
    ``fused`` say how it is computed, see ``criss_cross``.
    """

    memory_budget: int = DEFAULT_BUDGET
    fused: bool = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.query_conv = nn.Conv2d(channels, channels // 8, 1)
        self.key_conv = nn.Conv2d(channels, channels // 8, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)

    def forward(self, infrared: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Both [N, channels, H, W], returned with what they attended to added."""
        return self._add(infrared, visible), self._add(visible, infrared)

    def _add(self, own: Tensor, other: Tensor) -> Tensor:
        query, key, value = self.query_conv(other), self.key_conv(own), self.value_conv(own)
        attended = criss_cross(query, key, value, self.memory_budget, self.fused)
        added: Tensor = own + self.gamma * attended
        return added
