"""The files that describe the project agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml


def test_pyproject_citation_and_changelog_have_one_version_and_licence(repository: Path):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    headings = re.findall(r"^## (\S+)", (repository / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation["version"] == project["version"]
    assert headings[0] == project["version"], "the newest heading of CHANGELOG.md"
    assert citation["license"] == project["license"]


def test_the_classifiers_list_exactly_the_pythons_that_the_package_accepts(repository: Path):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    listed = re.findall(r"Python :: 3\.(\d+)", "\n".join(project["classifiers"]))
    first, end = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    assert [int(minor) for minor in listed] == list(range(int(first), int(end)))


def test_the_container_is_made_by_the_targets_that_the_readme_names(repository: Path):
    lines = (repository / "Containerfile").read_text().splitlines()
    targets = re.findall(r"^([\w-]+):", (repository / "Makefile").read_text(), re.MULTILINE)
    run = [
        word
        for line in lines
        if line.startswith(("RUN make", "CMD"))
        for word in re.findall(r"make\W+([\w-]+)", line)
    ]
    assert run == ["setup", "bench-all"]
    assert set(run) <= set(targets)


def test_every_file_that_the_readme_names_exists(repository: Path):
    text = (repository / "README.md").read_text()
    named = set(re.findall(r"\b(?:docs|configs|scripts)/[\w./-]*\w\.(?:md|yaml|py|jpg)\b", text))
    assert len(named) > 8
    assert [name for name in sorted(named) if not (repository / name).is_file()] == []
