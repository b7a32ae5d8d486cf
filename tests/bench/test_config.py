"""Configuration errors are one line that names file, key and what is allowed."""

from __future__ import annotations

import pytest
import yaml

from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError

BASE = {
    "name": "t",
    "datasets": {"d": {"layout": "folder", "root": "x"}},
    "methods": ["visible", {"name": "lap3", "type": "laplacian", "options": {"levels": 3}}],
    "quality": {"dataset": "d"},
}


def _load(tmp_path, **changes):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({**BASE, **changes}))
    return load_config(path)


def test_a_bare_method_name_is_a_row_of_its_own_type(tmp_path):
    config = _load(tmp_path)
    assert [(method.name, method.type) for method in config.methods] == [
        ("visible", "visible"),
        ("lap3", "laplacian"),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metods": []}, r"run.yaml: unknown key 'metods'; did you mean methods\?"),
        ({"methods": ["visibel"]}, r"unknown fusion method 'visibel'; did you mean visible\?"),
        (
            {"methods": [{"name": "laplacian", "options": {"level": 1}}]},
            r"run.yaml: methods.0.options.level: unknown key; did you mean levels",
        ),
        (
            {"methods": ["visible", {"name": "laplacian", "options": {"levels": "four"}}]},
            r"methods.1.options.levels: Input should be a valid integer, not 'four'",
        ),
        (
            {"methods": [{"name": "visible", "options": {"levels": 3}}]},
            r"methods.0.options.levels: unknown key; it takes none",
        ),
        ({"methods": ["visible", "visible"]}, r"methods.1.name: 'visible' occurs twice"),
        (
            {"datasets": {"d": {"layout": "foldr", "root": "x"}}},
            r"datasets.d.layout: unknown dataset layout 'foldr'; did you mean folder",
        ),
        ({"datasets": {"d": {"layout": "folder", "rot": "x"}}}, r"datasets.d"),
        (
            {"datasets": {"d": {"layout": "folder", "root": "x", "options": {"infared": "ir"}}}},
            r"datasets.d.options.infared: unknown key; did you mean infrared",
        ),
        (
            {
                "datasets": {
                    "d": {"layout": "m3fd", "root": "x", "options": {"corner_origin": True}}
                }
            },
            r"datasets.d.options.corner_origin: Input should be a valid integer, not True",
        ),
        (
            {"datasets": {"d": {"layout": "m3fd-tardal", "root": "x"}}},
            r"datasets.d.options.class_order: this key is required",
        ),
        ({"quality": {"dataset": "e"}}, r"quality.dataset: no dataset 'e' in this run"),
        (
            {"quality": {"dataset": "d", "convetion": "x"}},
            r"quality.convetion: unknown key; did you mean convention",
        ),
        ({"name": "../x"}, r"name: String should match pattern"),
        ({"seed": "one"}, r"seed: Input should be a valid integer"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_hint(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        _load(tmp_path, **changes)
    assert "\n" not in str(caught.value)
    assert "run.yaml" in str(caught.value)


def test_environment_variables_are_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("IVIF_TEST_ROOT", "/somewhere")
    config = _load(
        tmp_path,
        datasets={
            "d": {"layout": "folder", "root": "${IVIF_TEST_ROOT}/a"},
            "e": {"layout": "folder", "root": "${IVIF_TEST_NOT_SET:-there}/b"},
        },
    )
    assert config.datasets["d"].root == "/somewhere/a"
    assert config.datasets["e"].root == "there/b"


def test_an_unset_variable_without_default_is_an_error(tmp_path, monkeypatch):
    monkeypatch.delenv("IVIF_TEST_NOT_SET", raising=False)
    with pytest.raises(UserError, match="IVIF_TEST_NOT_SET is not set"):
        _load(tmp_path, datasets={"d": {"layout": "folder", "root": "${IVIF_TEST_NOT_SET}"}})


def test_broken_yaml_names_the_line(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("name: t\nmethods: [visible\n")
    with pytest.raises(UserError, match=r"run.yaml line \d+: not valid YAML"):
        load_config(path)


def test_every_shipped_configuration_loads(repository):
    for path in sorted((repository / "configs").glob("*.yaml")):
        assert load_config(path).methods, path
