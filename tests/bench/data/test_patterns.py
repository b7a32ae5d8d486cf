"""Patterns of file names: what they match, how they are refused, and which one is advised."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivif_bench.data.patterns import advice, common_form, parse_pattern
from ivif_bench.errors import UserError


def names(pattern: str, *files: str) -> dict[str, str]:
    """Stem to name of those files that the pattern takes."""
    parsed = parse_pattern(pattern)
    return {stem: name for name in files if (stem := parsed.stem_of(name)) is not None}


@pytest.mark.parametrize(
    ("pattern", "files", "expected"),
    [
        ("d/IR{stem}.png", ["IR1.png", "IR10.PNG", "VIS1.png", "IR.png"], {"1", "10"}),
        ("d/{stem}_recover", ["a_recover.bmp", "a.png", "b_recover.txt"], {"a"}),
        ("{stem:05d}.png", ["00001.png", "1.png", "000001.png", "123456.png"], {"1", "123456"}),
        ("d/F_{stem}_RGB.jpg", ["F_1_RGB.jpg", "F_1_RGB.jpeg", "F__RGB.jpg"], {"1"}),
        ("d/{stem}.jpg", ["._a.jpg", "a.jpg"], {"a"}),
        ("d/x{stem}x", ["x.png", "xx.png", "xax.png"], {"a"}),
    ],
)
def test_a_pattern_takes_the_names_of_its_form_and_no_others(pattern, files, expected):
    assert set(names(pattern, *files)) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "d/{stem}{stem}.png", "d/{name}.png", "{stem}/a.png", "d/{stem:>1000000000}.png",
        "d/{stem:5d}.png", "d/{stem:0100d}.png", "d/{{stem}}.png", "d/{stem!r}.png", "d/{}.png",
    ],
)  # fmt: skip
def test_anything_else_in_braces_is_refused_at_once(pattern):
    with pytest.raises(UserError, match=r"expected FOLDER/NAME with one \{stem\}") as caught:
        parse_pattern(pattern)
    assert "\n" not in str(caught.value)


def test_two_files_of_one_stem_are_refused(tmp_path: Path):
    for name in ("IR1.png", "IR1.bmp"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"stem '1' occurs twice: IR1\.bmp and IR1\.png"):
        parse_pattern(f"{tmp_path}/IR{{stem}}").files()


@pytest.mark.parametrize(
    ("first", "second", "forms"),
    [
        ({"a4", "a5"}, {"a4_recover", "a5_recover"}, ("{stem}", "{stem}_recover")),
        ({"IR1", "IR2", "IR10"}, {"VIS1", "VIS2", "VIS10"}, ("IR{stem}", "VIS{stem}")),
        ({"1", "2", "10"}, {"00001", "00002", "00010"}, ("{stem}", "{stem:05d}")),
        ({"F_1_ir", "F_2_ir"}, {"F_1_RGB", "F_2_RGB"}, ("{stem}_ir", "{stem}_RGB")),
        ({"cat", "dog"}, {"x1", "y2"}, None),
        (set(), {"a"}, None),
    ],
)
def test_the_form_that_pairs_two_sides_is_found_from_their_names(first, second, forms):
    assert common_form(first, second) == forms


affix = st.text("ABfx_-", max_size=4)


@given(
    st.sets(st.integers(0, 10**6).map(str), min_size=3, max_size=12),
    st.tuples(affix, affix),
    st.tuples(affix, affix),
)
def test_an_advised_form_pairs_at_least_half_of_the_names(cores, one, other):
    """Whatever constant parts the names of the two sides have."""
    first, second = ({f"{a}{core}{b}" for core in cores} for a, b in (one, other))
    forms = common_form(first, second)
    assert forms is not None
    stems = [
        {parse_pattern(form).stem_of(f"{name}.png") for name in side} - {None}
        for form, side in zip(forms, (first, second), strict=True)
    ]
    assert 2 * len(stems[0] & stems[1]) >= len(cores)


def test_the_advice_names_the_options_to_write():
    sides = {"--infrared": ("ir/", {"IR1", "IR2"}), "--visible": ("vi", {"VIS1", "VIS2"})}
    assert advice(sides).endswith("write --infrared 'ir/IR{stem}' --visible 'vi/VIS{stem}'")
    three = sides | {"--fused": ("M=out", {"1_fused", "2_fused"})}
    assert advice(three).endswith("--visible 'vi/VIS{stem}' --fused 'M=out/{stem}_fused'")
    written = {
        "--infrared": ("ir/IR{stem}", {"1", "2"}),
        "--visible": ("vi/VIS{stem}", {"1", "2"}),
        "--fused": ("M=out", {"1_fused", "2_fused"}),
    }
    assert advice(written).endswith("write --fused 'M=out/{stem}_fused'")
    assert advice({"a": ("x", {"cat"}), "b": ("y", {"1"})}) == ""
