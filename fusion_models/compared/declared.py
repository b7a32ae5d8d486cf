"""What a compared method declares: its paper and its weights file, every fact written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ivif_bench.fusion import FileBeside, MethodSpec, Publication, WeightsSpec
from ivif_bench.fusion_models.compared.method import ComparedOptions

Licence = Literal["none", "MIT", "GPL-3.0"]

_TERMS: dict[Licence, tuple[str, str]] = {  # of the weights: in the spec's licence, and in full
    "none": (
        "carry no licence",
        "no licence is stated: all rights reserved; get it from the authors",
    ),
    "MIT": ("MIT", "MIT; its notice goes with the file"),
    "GPL-3.0": ("GPL-3.0", "GPL-3.0"),
}
_MOST_NAMES = 5  # of authors in a reference; longer lists are cut to the first


@dataclass(frozen=True, slots=True)
class Paper:
    """A publication: a reference as text, its venue, and its entry for a bibliography.

    Attributes:
        key: of the entry.
        authors: ``Family, Given and Family, Given``.
        title: with braces around what must keep its capitals.
        venue: the journal, or the conference's short name.
        year: of publication.
        volume: with the issue, ``28(5)``; empty if there is none.
        pages: first and last, ``2614-2623``; empty if not known.
        proceedings: the conference's full name; empty for a journal.
    """

    key: str
    authors: str
    title: str
    venue: str
    year: int
    volume: str = ""
    pages: str = ""
    proceedings: str = ""

    @property
    def reference(self) -> str:
        """One line: authors' family names, title, venue, year, pages."""
        names = [name.partition(",")[0] for name in self.authors.split(" and ")]
        who = f"{names[0]} et al." if len(names) > _MOST_NAMES else ", ".join(names)
        title = self.title.replace("{", "").replace("}", "")
        pages = f", pp. {self.pages}" if self.pages else ""
        return f"{who}, {title}, {self.venue}{self._volume}, {self.year}{pages}"

    @property
    def _volume(self) -> str:
        """Of a journal; readers do not know conferences by theirs."""
        return "" if self.proceedings or not self.volume else f" {self.volume}"

    @property
    def bibtex(self) -> str:
        """The entry of a bibliography."""
        volume, _, number = self.volume.rstrip(")").partition("(")
        where = (
            {"booktitle": self.proceedings} if self.proceedings else {"journal": self.venue}
        ) | {
            "volume": volume,
            "number": number,
            "pages": self.pages.replace("-", "--"),
            "year": str(self.year),
        }
        fields = {"author": self.authors, "title": self.title} | where
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
        kind = "inproceedings" if self.proceedings else "article"
        return f"@{kind}{{{self.key},\n{lines}\n}}\n"

    def published(self, repository: str, commit: str = "") -> Publication:
        """With the authors' repository."""
        venue = f"{self.venue}{self._volume}{f', {self.pages}' if self.pages else ''}"
        return Publication(venue, self.year, repository, commit, self.bibtex)


def method_spec(
    module: str,
    name: str,
    entry: str,
    title: str,
    options: type[ComparedOptions],
    paper: Paper,
    *,
    repository: str,
    commit: str = "",
    licence: Licence,
    original: str,
    sha256: str,
    path: str = "",
    source: str = "",
    url: str = "",
    data_sha256: str = "",
    beside: Mapping[str, str] = MappingProxyType({}),
    converter: str = "convert_file",
    note: str = "",
    parameters: int,
    seconds: float,
    smallest: int = 1,
    output: Literal["gray", "rgb"] = "gray",
    alternative: str,
) -> MethodSpec:
    """The spec of a method with its authors' weights file.

    Args:
        module: of the method, ``__name__``.
        paper: where it was published.
        repository: the authors', as ``github.com/OWNER/NAME``.
        commit: of it that was examined, and that ``path`` is taken from.
        licence: of the weights.
        original: the authors' file; of a TensorFlow checkpoint the index, as ``FOLDER/NAME.index``.
        sha256: of it.
        path: of it in the repository, if it can be downloaded there; it gives ``source`` and ``url``.
        source: where the file is had, in words.
        url: where it is downloaded.
        data_sha256: of the checkpoint's data file, which has the index's place and name.
        beside: further files that cannot be downloaded either, name to sha256.
        converter: function of the module, or ``"module:function"``.
        note: added to the reference.

    The others are as in ``MethodSpec``.
    """
    if path:
        source = source or f"{path} of {repository} at {commit}"
        url = url or f"https://{repository}/raw/{commit}/{path}"
    further = [FileBeside(place, "", digest) for place, digest in beside.items()]
    if data_sha256:
        data = ".data-00000-of-00001"
        place, address = (text and text.removesuffix(".index") + data for text in (original, url))
        further.append(FileBeside(place, address, data_sha256))
    carried, terms = _TERMS[licence]
    return MethodSpec(
        name=name,
        entry=entry,
        title=title,
        paper=f"{paper.reference}; {note}" if note else paper.reference,
        licence=f"code Apache-2.0; the authors' weights {carried}",
        published=paper.published(repository, commit),
        output=output,
        parameters=parameters,
        seconds=seconds,
        smallest=smallest,
        options=options,
        weights=(
            WeightsSpec(
                name=f"{name}.safetensors",
                original=original,
                url=url,
                original_sha256=sha256,
                beside=tuple(further),
                converter=converter if ":" in converter else f"{module}:{converter}",
                source=source,
                terms=terms,
            ),
        ),
        alternative=alternative,
    )
