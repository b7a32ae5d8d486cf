"""The lines under a table: what a reader needs to repeat it."""

from __future__ import annotations

from collections.abc import Sequence

from ivif_bench.errors import first_few
from ivif_bench.reports.comparison import Comparison
from ivif_bench.types import Origin

_LINES = (
    ("convention", "Convention"),
    ("network", "Network"),
    ("mode", "Mode"),
    ("scorer", "Scorer"),
    ("chroma", "Chroma"),
)
_OF_THE_RUN = ("network", "mode", "chroma", "leak")  # what a run says of boxes that it made itself
_UNKNOWN = {
    "detection": "Boxes given by the user; detector, training, its split and thresholds are unknown",
    "segmentation": "Labels given by the user; segmenter, training and its split are unknown",
}
_ALWAYS = ("ivif-bench", "python", "torch")


def footer(comparison: Comparison, images: Sequence[str], trained: bool = True) -> tuple[str, ...]:
    """Footer lines of a comparison.

    Args:
        images: the builder's lines on how many images its numbers stand on.
        trained: whether judging trains anything; otherwise a single seed is not worth a line.

    The versions of what made the numbers (``About.judges``) follow those of Python and
    torch; ``report.json`` has the versions of all. They are those of every process that had a part
    in a result, not only of the last. Where results of one table, or processes of one result,
    disagree (a version of any package, a commit, a kind of device), every value is printed;
    nothing is dropped to look tidy.
    """
    lines = [f"{title}: {text}." for key, title in _LINES if (text := _said(comparison, key))]
    protocol = _hashed(comparison, comparison.protocol, "protocol_sha256", 8)
    lines.append(f"Protocol: {protocol}.")
    if split := _said(comparison, "split"):
        lines.append(f"Split: {_hashed(comparison, split, 'split_sha256', 12)}.")
    if leak := _said(comparison, "leak"):
        lines.append(f"Leak: {leak}.")
    lines += _given(comparison)
    lines += images
    sets = _seed_sets(comparison)
    if sets and (trained or len({seed for _, seeds in sets for seed in seeds}) > 1):
        lines.append(_seeds(sets))
    if recipes := _recipes(comparison):
        lines.append(f"Recipes: {recipes}.")
    if comparison.missing:
        names = [f"{comparison.methods[u.method]} seed {u.seed}" for u in comparison.missing]
        lines.append(f"Missing results (—): {first_few(names, 12)}.")
    if comparison.results:
        lines.append(f"Commit {_commits(comparison)}; {_versions(comparison)}.")
    if len(devices := _devices(comparison)) > 1:
        lines.append(f"Computed on {'/'.join(devices)}.")
    return tuple(lines)


def _said(comparison: Comparison, name: str) -> str:
    """One value if all results agree, else every value with the methods that say it."""
    values: dict[str, list[str]] = {}
    made = [result for result in comparison.results.values() if not result.about.given]
    for unit, result in comparison.results.items():
        if result.about.given and (made or name in _OF_THE_RUN):
            continue
        text = str(getattr(result.about, name))
        if not text:
            continue
        values.setdefault(text, []).append(comparison.methods[unit.method])
    if len(values) < 2:
        return next(iter(values), "")
    return "; ".join(
        f"{text} ({', '.join(dict.fromkeys(methods))})" for text, methods in values.items()
    )


def _recipes(comparison: Comparison) -> str:
    """How methods read and save, besides their networks, in the order of the rows."""
    said = [
        f"{title}: {recipe}"
        for name, title in comparison.methods.items()
        if (recipe := next((one.about.recipe for one in comparison.of(name)), ""))
    ]
    return "; ".join(said)


def _given(comparison: Comparison) -> list[str]:
    """The files of rows whose boxes the user gave, and what is not known of them."""
    files = [
        f"{comparison.methods[unit.method]}: {result.about.given}"
        for unit, result in comparison.results.items()
        if result.about.given
    ]
    if not files:
        return []
    return [f"{_UNKNOWN[comparison.task]}.", *(f"{line}." for line in files)]


def _hashed(comparison: Comparison, name: str, key: str, digits: int) -> str:
    digest = str(comparison.about(key))
    return f"{name} (sha256 {digest[:digits]})" if digest else name


def _seed_sets(comparison: Comparison) -> list[tuple[str, tuple[int, ...]]]:
    """Seeds of each method; boxes that the user gave have none."""
    given = {unit.method for unit, result in comparison.results.items() if result.about.given}
    return [
        (comparison.methods[name], tuple(unit.seed for unit in units))
        for name, units in comparison.planned.items()
        if name not in given
    ]


def _seeds(sets: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    """Seeds of the table; methods that ran with others are named with theirs."""
    values = [seeds for _, seeds in sets]
    usual = max(values, key=lambda seeds: (values.count(seeds), len(seeds)))
    text = f"Seeds: {_list(usual)}"
    others = [f"{title} {_list(seeds)}" for title, seeds in sets if seeds != usual]
    if others:
        text += f" (except {'; '.join(others)})"
    if any(len(seeds) > 1 for seeds in values):
        text += "; mean ± sample standard deviation over seeds"
    return f"{text}."


def _list(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))


def _origins(comparison: Comparison) -> list[Origin]:
    """All processes that made results of a table."""
    return [
        origin for result in comparison.results.values() for origin in result.provenance.origins
    ]


def _commits(comparison: Comparison) -> str:
    found = {origin.commit for origin in _origins(comparison)}
    return "/".join(sorted(map(_short, found)))


def _devices(comparison: Comparison) -> list[str]:
    """Kinds of devices, without the names of machines; a result without numbers needs none."""
    return sorted(
        {
            origin.device.partition(" on ")[0]
            for result in comparison.results.values()
            if result.scores
            for origin in result.provenance.origins
        }
    )


def _short(commit: str) -> str:
    head, plus, changes = commit.partition("+")
    return f"{head[:7]}{plus}{changes}" if head != "unknown" else commit


def _versions(comparison: Comparison) -> str:
    found: dict[str, set[str]] = {}
    judges: list[str] = []
    for result in comparison.results.values():
        judges += result.about.judges
    for origin in _origins(comparison):
        for package, version in origin.versions.items():
            found.setdefault(str(package), set()).add(str(version))
    disagreeing = sorted(name for name, versions in found.items() if len(versions) > 1)
    named = [name for name in dict.fromkeys((*_ALWAYS, *judges, *disagreeing)) if name in found]
    return ", ".join(f"{name} {'/'.join(sorted(found[name]))}" for name in named)
