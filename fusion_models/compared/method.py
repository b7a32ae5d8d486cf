"""The base of a compared method: options, weights, one pair at a time, the authors' rules or plain ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ivif_bench.data.chroma import to_rgb
from ivif_bench.data.images import rgb_of
from ivif_bench.device import Device, device_of, strict_float32
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, FusionMethod, MethodOptions, Recipe
from ivif_bench.fusion_models.compared.reading import NO_FILE, READINGS
from ivif_bench.fusion_models.compared.saving import round_half_even
from ivif_bench.fusion_models.compared.weights import Shapes, load
from ivif_bench.types import StoredImage
from ivif_bench.validation import checked
from ivif_bench.weights import locate

if TYPE_CHECKING:
    from torch import Tensor


class ComparedOptions(MethodOptions):
    """Options that every compared method has; what its authors' program does is the default."""

    reading: ClassVar[str] = "PIL-L"  # of READINGS: how the authors' program reads gray
    saving: ClassVar[str] = ""  # how it saves, as the recipe says it
    stretched: ClassVar[bool] = False  # whether that is a stretch from minimum to maximum

    weights: str | None = Field(
        None,
        description="file of the weights: converted, or as the authors publish it; by default the "
        "converted one in the weights folder",
    )
    gray: Literal["authors", "luma"] = Field(
        "authors",
        description="how files become gray: as the authors' program reads them, or by this project's "
        "rounded BT.601 luma",
    )
    output: Literal["published", "plain"] = Field(
        "published",
        description="how the result becomes 8 bits: as the authors' program saves it, or the "
        "network's own scale, clipped and rounded",
    )
    colour: Literal["none", "restored"] = Field(
        "none",
        description="colour of a gray result: none, or the visible file's Cb and Cr (full-range BT.601, "
        "8 bits)",
    )
    device: Device = Field("auto", description="torch device")

    @property
    def gray_reading(self) -> str:
        """The name in ``READINGS`` of the reading to use."""
        return self.reading if self.gray == "authors" else "luma"

    def saved_by(self, rule: str) -> str:
        """End of the recipe's text: the authors' rule if it is used, and colour."""
        said = rule if self.output == "published" else "saved plainly"
        return f"{said}, colour restored" if self.colour == "restored" else said

    def recipe(self) -> Recipe:
        text = f"gray by {self.gray_reading}, {self.saved_by(self.saving)}"
        return Recipe(text, self.output == "published" and self.stretched)


class ComparedMethod(FusionMethod):
    """A published method with its authors' weights.

    A sub-class sets ``name`` and ``model`` and defines ``shapes`` and ``picture``.

    Args:
        **options: see ``model``.

    Raises:
        UserError: an option is wrong, or the weights are missing or do not fit.
    """

    name: ClassVar[str]
    model: ClassVar[type[ComparedOptions]]
    ignored: ClassVar[str] = ""  # pattern of names that the authors' file has besides
    restores_colour: ClassVar[bool] = False  # whether ``picture`` does what ``colour`` asks for

    def __init__(self, **options: Any) -> None:
        self.options: Any = checked(self.model, options, self.name)
        self.device = device_of(self.options.device, self.name)
        self.tensors = {name: value.to(self.device) for name, value in self.loaded().items()}

    @abstractmethod
    def shapes(self) -> Shapes:
        """Name to shape of every tensor in the weights file."""

    @abstractmethod
    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        """Fuse one pair.

        Returns:
            What the authors' file holds, uint8 [H, W] or RGB [H, W, 3]; with ``output: plain`` floats
            of these shapes on the 0..1 scale, which are clipped. ``saved`` chooses.
        """

    def loaded(self) -> dict[str, Tensor]:
        """The tensors of the weights file; a method of several files overrides this."""
        spec = METHODS.get(self.name)
        path = locate(spec, spec.weights[0], self.options.weights)
        return load(path, self.shapes(), self.name, self.ignored)

    def read(self, image: StoredImage) -> np.ndarray:
        """One channel by the chosen reading, float32 [H, W] in 0..255."""
        return READINGS[self.options.gray_reading](image).astype(np.float32)

    def units(self, first: StoredImage, second: StoredImage) -> tuple[Tensor, Tensor]:
        """Both images by the chosen reading, [1, 1, H, W] on the device, in 0..1."""
        return self.tensor(self.read(first) / 255), self.tensor(self.read(second) / 255)

    def tensor(self, *planes: np.ndarray) -> Tensor:
        """[H, W] each -> [1, N, H, W] on the device, in the planes' type."""
        import torch

        return torch.from_numpy(np.stack(planes)[None]).to(self.device)

    def saved(
        self, values: np.ndarray, rule: Callable[[np.ndarray], np.ndarray], plain: np.ndarray
    ) -> np.ndarray:
        """``values`` by the authors' output rule, or the plain result if the options ask for it."""
        return rule(values) if self.options.output == "published" else plain

    def fuse_stored(self, infrared: StoredImage, visible: StoredImage, seed: int) -> Tensor:
        import torch

        height, width = infrared.pixels.shape[:2]
        smallest = METHODS.get(self.name).smallest
        if min(height, width) < smallest:
            where = "" if infrared.path == NO_FILE else f"{infrared.path}: "
            raise UserError(
                f"{where}{width}x{height} is too small for {self.name}; both sides must have at least "
                f"{smallest} pixels"
            )
        with torch.inference_mode(), strict_float32():
            picture = self.picture(infrared, visible)
        if (
            self.options.colour == "restored"
            and not self.restores_colour
            and picture.ndim == 2
            and visible.pixels.ndim == 3
        ):
            if picture.dtype != np.uint8:
                picture = round_half_even(picture)
            picture = to_rgb(picture, rgb_of(visible), "visible")
        planes = torch.from_numpy(picture.reshape(height, width, -1).copy()).permute(2, 0, 1)[None]
        if picture.dtype == np.uint8:
            return planes.float() / 255
        return planes.float().clamp(0, 1)

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        """One pair after the other, as if stored: infrared with one channel, visible as RGB, 8 bits."""
        import torch

        return torch.cat(
            [
                self.fuse_stored(_stored(one), _stored(other), seed)
                for one, other, seed in zip(infrared, visible, seeds, strict=True)
            ]
        )


def _stored(planes: Tensor) -> StoredImage:
    """float [C, H, W] in [0, 1] as a picture without a file."""
    levels = (planes * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
    return StoredImage(
        NO_FILE, np.ascontiguousarray(levels[:, :, 0] if levels.shape[2] == 1 else levels)
    )
