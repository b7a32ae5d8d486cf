"""The contract of a fusion method: its metadata and how it is called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ivif_bench.options import NoOptions, Options, demand_options
from ivif_bench.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ivif_bench.features import FeatureMap
    from ivif_bench.types import StoredImage


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a method was published.

    Attributes:
        venue: journal or conference, with volume and pages if it has them.
        year: of publication.
        repository: the authors' repository, as ``github.com/OWNER/NAME``.
        commit: of it that was examined.
        bibtex: entry for a bibliography; empty if there is none yet.
    """

    venue: str
    year: int
    repository: str = ""
    commit: str = ""
    bibtex: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a method does to its pictures besides its network, with given options.

    Attributes:
        text: how it reads, orders and saves, as footers print it; empty if there is nothing to say.
        stretched: the result is stretched from its minimum to its maximum, which raises entropy and
            contrast whatever was fused; tables mark such rows.
    """

    text: str = ""
    stretched: bool = False


STRETCHED = (
    "every result of this row is stretched to the full range when it is saved, which raises entropy and "
    "contrast whatever was fused; compare with the stretched baselines"
)


class MethodOptions(Options):
    """Options of a method that has a recipe."""

    def recipe(self) -> Recipe:
        """The recipe of these options."""
        return Recipe()


@dataclass(frozen=True, slots=True)
class FileBeside:
    """A second file of the same download, which must lie beside the first.

    Attributes:
        name: of the file, with its folder in the weights folder.
        url: download address.
        sha256: checksum of the file.
    """

    name: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """A weights file: where to get it, and its checksum.

    Attributes:
        name: file name.
        sha256: checksum of the file, empty if it is not known.
        terms: under what terms.
        shipped: the file is in the folder ``weights`` of the package that declares the method.
        original: name of the file as its authors publish it, if it is converted first.
        url: download address of that file (or of this one), empty if the user must download it.
        size: bytes of the download, 0 if not known.
        original_sha256: checksum of the download, empty if the authors never published one.
        converter: ``"module:function"`` of a function ``(original, target) -> None``.
        source: text on where the user can get it, without or in addition to ``url``.
        option: the method's option that gives another path of this file.
        beside: further files of the same publication, which the converter needs beside ``original``.
    """

    name: str
    sha256: str = ""
    terms: str = ""
    shipped: bool = False
    original: str = ""
    url: str = ""
    original_sha256: str = ""
    size: int = 0
    converter: str = ""
    source: str = ""
    option: str = "weights"
    beside: tuple[FileBeside, ...] = ()


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """Metadata of a fusion method, available without loading it.

    Attributes:
        name: used in configurations and tables.
        entry: ``"module:Class"`` of its ``FusionMethod`` or ``PrecomputedImages``; ``"Class"`` if
            it is in the same file.
        title: name in tables.
        paper: reference, or why there is none.
        licence: of the code in this project and of the weights.
        version: raised whenever the same options give other pixels, so old results are redone.
        output: ``gray`` [N,1,H,W] or ``rgb`` [N,3,H,W].
        published: venue, year and the authors' repository; None if it is not a method of others.
        stride: sizes are padded to a multiple of it inside the method.
        smallest: least height and width in pixels; smaller pairs are refused.
        parameters: number of learned parameters, 0 for none.
        options: model of the options it takes; what a run gives is checked by it before anything is
            loaded. A field called ``device`` is treated as a torch device.
        weights: files it needs.
        alternative: a method that needs no files from the user.
        source: the row is one of the two source images itself.
        precomputed: the images exist already; the class offers ``locate`` instead of ``fuse``.
        seconds: time of one processor core per megapixel with the default options, measured by
            the method's author; None if not measured.
        counted: ``"module:function"`` (or ``"function"`` in the file of ``entry``) of a function
            ``(options, height, width) -> floating-point operations`` that needs no weights; empty
            if operations can only be counted by running the method.
        warm: modules to import, or functions to call (``"module:function"``) that import, before
            images are fused; done once per warm process. They must not compute anything.
    """

    name: str
    entry: str
    title: str
    paper: str
    licence: str
    version: int = 1
    output: Literal["gray", "rgb"] = "gray"
    published: Publication | None = None
    stride: int = 1
    smallest: int = 1
    parameters: int = 0
    options: type[Options] = NoOptions
    weights: tuple[WeightsSpec, ...] = ()
    alternative: str = ""
    source: bool = False
    precomputed: bool = False
    seconds: float | None = None
    counted: str = ""
    warm: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        demand_options(f"method {self.name!r}: options", self.options)

    @property
    def needs_files(self) -> bool:
        """Whether it needs files that only the user can provide."""
        return self.precomputed or not all(file.shipped for file in self.weights)


class FusionMethod(ABC):
    """A fusion method, ready to run.

    Options come as keyword arguments of the constructor, which checks them by the model in its spec
    and keeps the result as ``options``.
    """

    @abstractmethod
    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        """Fuse a batch.

        Args:
            infrared: float32 [N, 1, H, W] in [0, 1].
            visible: float32 [N, 3, H, W] RGB in [0, 1].
            seeds: N per-image seeds; the result of an image depends on its own seed only, never
                on its batch.

        Returns:
            float32 [N, 1 or 3, H, W] in [0, 1], at the input's size for any size.
        """

    def fuse_stored(self, infrared: StoredImage, visible: StoredImage, seed: int) -> Tensor:
        """Fuse one pair of files; runs call this.

        By default infrared is read as one channel and visible as RGB, whatever the files store,
        and passed to ``fuse``. A published method whose own program reads files differently (for
        example gray through a colour conversion, by which three equal channels give other values
        than one) overrides this to reproduce its authors' images.

        Args:
            infrared, visible: as stored, of one height and width.
            seed: of this image.

        Returns:
            float32 [1, 1 or 3, H, W] in [0, 1].
        """
        from ivif_bench.data.images import (  # loads OpenCV, which 'list' does not need
            gray_of,
            rgb_of,
        )

        return self.fuse(_tensor(gray_of(infrared)), _tensor(rgb_of(visible)), [seed])

    def feature_maps(self) -> Mapping[str, FeatureMap]:
        """Named intermediate maps of fusing one pair, in the order in which they are drawn.

        ``ivif-bench features`` lists and draws them. By default a method has none.
        """
        return {}


class PrecomputedImages(ABC):
    """A method whose images exist already; registered with ``precomputed=True``."""

    @abstractmethod
    def locate(self, dataset: str, stem: str) -> Path:
        """The path of the fused image of a pair; the file need not exist."""


def _tensor(image: np.ndarray) -> Tensor:
    """uint8 [H, W] or [H, W, C] -> float32 [1, C, H, W] in [0, 1]."""
    import torch

    planes = torch.from_numpy(image.reshape(*image.shape[:2], -1).copy()).permute(2, 0, 1)
    return planes[None].float() / 255


METHODS: Registry[MethodSpec] = Registry(
    "fusion method",
    "ivif_bench.fusion_models",
    "ivif_bench.methods",
    base=(FusionMethod, PrecomputedImages),
)
