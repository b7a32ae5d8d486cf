"""Device names for torch, and float32 without reduced precision on a GPU."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    import torch


_NAMES = "auto, cpu, cuda or cuda:N"


def _device_name(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError(f"unknown device {name!r}; use {_NAMES}")
    return name


Device = Annotated[
    str, AfterValidator(_device_name), WithJsonSchema({"type": "string", "allowed": _NAMES})
]
"""An option that names a torch device; ``device_of`` checks whether it exists."""


def device_of(name: str, where: str) -> torch.device:
    """A torch device by name.

    Args:
        name: ``auto`` (CUDA where there is one, else CPU), ``cpu``, ``cuda`` or ``cuda:N``. Under
            ``torchrun``, ``cuda`` is the GPU of this process.
        where: text in front of the message.

    Raises:
        UserError: another name, or a device that is not on this machine.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as problem:
        raise UserError(f"{where}: unknown device {name!r}; use {_NAMES}") from problem
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"{where}: device {name!r} is not supported; use {_NAMES}")
    if device.type == "cpu":
        return device
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise UserError(f"{where}: device {name!r}, but there is no CUDA device here; use cpu")
    if device.index is None and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    if (device.index or 0) >= count:
        raise UserError(
            f"{where}: device {str(device)!r}, but CUDA devices here are 0 to {count - 1}"
        )
    return device


@contextmanager
def strict_float32() -> Iterator[None]:
    """Within this context, float32 is not reduced to TF32, and cuDNN is deterministic.

    By default cuDNN rounds the factors of float32 convolutions to TF32, 10 bits, without notice;
    matrix products are rounded if torch was told so (``torch.set_float32_matmul_precision``,
    ``TORCH_ALLOW_TF32_CUBLAS_OVERRIDE``). Computations under ``torch.autocast`` keep its types. The
    previous settings are restored at the end.
    """
    import torch

    backends: Any = torch.backends  # some of its parts are made at run time
    operations = (backends.cuda.matmul, backends.mkldnn.matmul, backends.mkldnn.conv)
    before = [operation.fp32_precision for operation in operations]
    try:
        together = torch.get_float32_matmul_precision()
    except RuntimeError:  # set for each library, which this call refuses to sum up in a word
        together = ""
    torch.set_float32_matmul_precision("highest")
    for operation in operations:
        operation.fp32_precision = "ieee"
    try:
        with backends.cudnn.flags(
            enabled=True,
            benchmark=False,
            deterministic=True,
            allow_tf32=False,
            fp32_precision="ieee",
        ):
            yield
    finally:
        if together:
            torch.set_float32_matmul_precision(together)
        for operation, precision in zip(operations, before, strict=True):
            operation.fp32_precision = precision


@contextmanager
def deterministic_kernels(gpu: bool) -> Iterator[None]:
    """Within this context, a GPU's kernels are deterministic where there are such; a CPU's are anyway.

    The switch imports torch's compiler (seconds), so it is not touched without a GPU. CPU kernels
    are deterministic at a fixed number of threads.
    """
    import torch

    if not gpu:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    wanted = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(wanted, warn_only=warn)
