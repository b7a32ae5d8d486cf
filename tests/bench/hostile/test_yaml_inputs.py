"""YAML that is no YAML, or too much of it: the same one line from every reader; wrong configurations."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from hostile import outcome

from ivif_bench.commands.options import parse_options
from ivif_bench.config import RunConfig
from ivif_bench.config_reading import load_config
from ivif_bench.data.splits import find_split
from ivif_bench.protocol import Protocol, read_protocol
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS, DetectionProtocol
from ivif_bench.yaml_text import parse_yaml

pytestmark = pytest.mark.timeout(60)

_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
_MERGED = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}]}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
_NO_YAML = {
    "key twice": ("a: 1\nb: 2\na: 3\n", "line 3: not valid YAML: key 'a' occurs twice, first in line 1"),
    "key twice in one line": ("{a: 1, a: 1}", "line 1: not valid YAML: key 'a' occurs twice"),
    "key twice below another": ("x:\n  a: 1\n  a: 2\n", "line 3: not valid YAML: key 'a' occurs twice"),
    "key twice in a list": ("- {a: 1,\n   a: 2}\n", "line 2: not valid YAML: key 'a' occurs twice"),
    "key twice, once in quotes": ("a: 1\n'a': 2\n", "key 'a' occurs twice"),
    "key twice as one number": ("1: a\n0x1: b\n", "key '0x1' occurs twice"),
    "key twice beside a merge": ("a: &a {b: 1}\nc: {<<: *a, d: 1, d: 2}\n", "key 'd' occurs twice"),
    "anchor in itself": ("a: &a [*a]\n", "line 1: not valid YAML: an anchor that contains itself"),
    "anchor in its own key": ("&a {b: {c: *a}}", "an anchor that contains itself"),
    "anchor merged into itself": ("&a {<<: *a}", "an anchor that contains itself"),
    "billion laughs": (_LAUGHS, "its aliases stand for more than 10000 values"),
    "billion merges": (_MERGED, "its aliases stand for more than 10000 values"),
    "unknown anchor": ("a: *b\n", "line 1: not valid YAML: found undefined alias 'b'"),
    "1,000 lists in each other": ("[" * 1000, "nested more than 50 levels deep"),
    "100,000 lists in each other": ("[" * 100_000, "nested more than 50 levels deep"),
    "mappings in each other": ("{a: " * 500, "nested more than 50 levels deep"),
    "dashes in each other": ("- " * 500, "nested more than 50 levels deep"),
    "keys in each other": ("? " * 500, "nested more than 50 levels deep"),
    "unfinished list": ("a: [1, 2\n", "not valid YAML"),
    "unfinished text": ("a: 'b\n", "not valid YAML"),
    "tab as indent": ("a:\n\tb: 1\n", "line 2: not valid YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", "not valid YAML"),
    "object of a program": ("a: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
    "list as key": ("[a, b]: 1\n", "not valid YAML"),
    "surrogate": ('a: "\\ud800"\n', "line 1: not valid YAML: a character that no name can have"),
    "NUL": ('a: "b\\0c"\n', "a character that no name can have"),
    "NUL in a key": ('"b\\0c": a\n', "a character that no name can have"),
    "control character": ("a: \x07\n", "not valid YAML"),
    "number of 5,000 digits": (f"a: {'9' * 5000}\n", "a number of 5000 characters"),
    "sexagesimal of 100,000 parts": (f"a: 1{':1' * 100_000}\n", "a number of 200001 characters"),
    "month 99": ("a: 2001-99-99\n", "not valid YAML"),
    "text as a number": ("a: !!int b\n", "not valid YAML"),
    "text as yes or no": ("a: !!bool b\n", "not valid YAML"),
    "text as a date": ("a: !!timestamp b\n", "not valid YAML"),
    "text as base64": ("a: !!binary 'ä'\n", "not valid YAML"),
}  # fmt: skip


def _read(kind: str, path: Path, text: str) -> Any:
    if kind == "option":
        return parse_options([f"a={text}"])
    path.write_text(text, encoding="utf-8")
    readers: dict[str, Callable[[], Any]] = {
        "configuration": lambda: load_config(path),
        "protocol": lambda: read_protocol(Protocol, str(path), path.parent, "quality"),
        "split": lambda: find_split(cast(Any, SimpleNamespace()), str(path)),
    }
    return readers[kind]()


@pytest.mark.parametrize("kind", ["configuration", "protocol", "split", "option"])
@pytest.mark.parametrize("case", _NO_YAML)
def test_no_reader_takes_what_is_no_yaml(case: str, kind: str, tmp_path: Path) -> None:
    text, expected = _NO_YAML[case]
    message = outcome(lambda: _read(kind, tmp_path / "a.yaml", text))
    assert expected in message
    assert ("a.yaml" if kind != "option" else "--option") in message


@pytest.mark.parametrize(
    "text",
    [
        "", "a: 1", "{1: a, 2: b}", "a: &a {b: 1}\nc: {<<: *a, b: 2}", "a: &a [1]\nb: [*a, *a, *a]",
        "a: 'äöü 融合'", "- a\n- a", "a: {b: 1}\nc: {b: 1}", "a: 0x1f", "a: 2001-01-01", "? a\n? b",
        "a: |\n  b\n  c", "# nothing", "a: '\\ud800'", "[[[[[[[[[[1]]]]]]]]]]", "a: 1_000", "a: 1:30",
    ],
)  # fmt: skip
def test_what_is_yaml_is_read_as_pyyaml_reads_it(text: str) -> None:
    assert parse_yaml(text, "text") == yaml.safe_load(text)


def test_numbers_with_exponents_are_numbers() -> None:
    found = parse_yaml("[1e-4, 1E5, 1.5e3, -2e-3, 1.0e-4, 1e, e1]", "text")
    assert found == [1e-4, 1e5, 1.5e3, -2e-3, 1e-4, "1e", "e1"]


_DEMO = (
    "name: a\nmethods: [average]\n"
    "datasets: {{d: {{layout: m3fd, root: x, demo: {{task: detection, {}}}}}}}\n"
)
_MINE = (
    "name: a\ndatasets: {{}}\nmethods: [{{name: m, type: precomputed, options: {{root: {}}}}}]\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "expected keys such as name"),
        ("- a", "expected keys such as name"),
        ("1", "expected keys such as name"),
        ("~: 1", "unknown key None"),
        ("1: 1", "unknown key 1"),
        ("true: 1", "unknown key True"),
        ("name: ''\ndatasets: {}\nmethods: []", "name: String should match"),
        ("name: ../a\ndatasets: {}\nmethods: []", "name: String should match"),
        ('name: "a\\n"\ndatasets: {}\nmethods: []', "name: String should match"),
        ("name: [a]\ndatasets: {}\nmethods: []", "name: Input should be a valid string"),
        ("name: a\ndatasets: []\nmethods: []", "datasets: Input should be a valid dictionary"),
        ("name: a\ndatasets: {1: {layout: m3fd, root: x}}\nmethods: []", "datasets.1"),
        ("name: a\ndatasets: {}\nmethods: average", "methods: Input should be a valid list"),
        ("name: a\ndatasets: {}\nmethods: [1]", "methods.0"),
        ("name: a\ndatasets: {}\nmethods: [{}]", "methods.0.name: this key is required"),
        ("name: a\ndatasets: {}\nmethods: [a/b]", "'a/b' is not a valid name"),
        ("name: a\ndatasets: {}\nmethods: ['..']", "'..' cannot be used as a name"),
        ("name: a\ndatasets: {}\nmethods: [averag]", "did you mean average"),
        ("name: a\ndatasets: {}\nmethods: [average, average]", "occurs twice"),
        ("name: a\ndatasets: {}\nmethods: []\nquality: 1", "quality"),
        ("name: a\ndatasets: {}\nmethods: []\nquality: [{}, ~]", "quality"),
        ("name: ${NO_SUCH_VARIABLE_X}\ndatasets: {}\nmethods: []", "NO_SUCH_VARIABLE_X is not set"),
        ("name: a\ndatasets: {}\nmethods: ['${NO_UTF_8}']", "'a\\udcff' is not valid UTF-8"),
        (f"name: a\ndatasets: {{}}\nmethods: []\nseed: {2**63}", "seed: Input should be less than"),
        (f"name: a\ndatasets: {{}}\nmethods: []\nseed: {-(2**63) - 1}", "seed: Input should be greater"),
        ("name: a\ndatasets: {}\nmethods: []\nseed: 1.5", "seed: Input should be a valid integer"),
        ("name: a\ndatasets: {}\nmethods: []\nreport: {panels: -1}", "report.panels"),
        ("name: a\ndatasets: {}\nmethods: []\nreport: {panels: .nan}", "report.panels"),
        (_DEMO.format("train: 1, test: 1, size: [100000, 100000]"), "size.0: Input should be less than"),
        (_DEMO.format("train: 1, test: 1, size: [95, 96]"), "greater than or equal to 96"),
        (_DEMO.format("train: 1, test: 1, size: [96, .inf]"), "demo.size.1"),
        (_DEMO.format("train: 1, test: 1, size: [96]"), "demo.size.1"),
        (_DEMO.format("train: 10000000000, test: 1"), "less than or equal to 100000"),
        (_DEMO.format("train: 1, test: 0"), "greater than or equal to 1"),
        (_DEMO.format("train: 1, test: 1, seed: -1"), "demo.seed"),
        (_DEMO.replace("detection", "fusion").format("train: 1, test: 1"), "demo.task"),
        (_MINE.format("'{stem:>1000000000}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{stem:1000000000d}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{stem:0100d}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{stem:05.3d}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{stem:0²d}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{stem.__class__}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{stem[0]}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{stem!r}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{0}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'{'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("'a}'"), "only {dataset} and {stem} are allowed in braces"),
        (_MINE.format("''"), "must be a pattern"),
        (_MINE.format("[a]"), "must be a pattern"),
        (_MINE.format("{}"), "must be a pattern"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_one_line(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_UTF_8", "a\udcff")
    message = outcome(lambda: _read("configuration", tmp_path / "a.yaml", text))
    assert expected in message
    assert "a.yaml" in message


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 34)  # a hole: no disk space
    assert "it has 17179869184 bytes" in outcome(lambda: load_config(path))


def test_common_keys_may_be_shared_by_many_rows(tmp_path: Path) -> None:
    rows = "".join(f"  - {{<<: *common, name: m{index}}}\n" for index in range(60))
    text = f"name: a\ndatasets: {{}}\nmethods:\n  - &common {{name: m, type: average}}\n{rows}"
    found: RunConfig = _read("configuration", tmp_path / "a.yaml", text)
    assert [method.type for method in found.methods] == ["average"] * 61


@pytest.mark.parametrize(
    "seeds", ["[-1]", "[4294967296]", "[.inf]", "[0.5]", "[[0]]", "[]", "0", "~"]
)
def test_seeds_that_no_generator_takes(seeds: str, tmp_path: Path) -> None:
    text = (SHIPPED_PROTOCOLS / "m3fd-det.v1.yaml").read_text(encoding="utf-8")
    path = tmp_path / "a.yaml"
    path.write_text(re.sub(r"(?m)^seeds:.*$", f"seeds: {seeds}", text), encoding="utf-8")
    message = outcome(lambda: DetectionProtocol.load(str(path)))
    assert "a.yaml: seeds" in message
