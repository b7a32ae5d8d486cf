"""What every method with its authors' weights must hold to; a new one is tested by this file as it is.

Random weights of the right names and shapes stand in for the authors', which are never shipped.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
from math import prod
from pathlib import Path

import numpy as np
import pytest
from option_values import other_values
from published_weights import DATA, published
from random_weights import random_file, random_tensors

from ivif_bench.data.images import encode_png, read_stored
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models.compared.method import ComparedOptions
from ivif_bench.weights import convert

pytestmark = pytest.mark.usefixtures("one_thread")
SPECS = {
    name: spec
    for name, spec in METHODS.specs().items()
    if issubclass(spec.options, ComparedOptions)
}


def _marked(name: str, *more: object):
    """A large smallest size costs seconds."""
    slow = SPECS[name].smallest > 64
    return pytest.param(name, *more, marks=[pytest.mark.slow] if slow else [])


FUSED = [_marked(name) for name in SPECS]
OTHER_VALUES = [
    _marked(name, option, value)
    for name, spec in SPECS.items()
    for option in spec.options.model_fields
    for value in other_values(spec.options, option)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture
def made(folder):
    """Makes a method with random weights."""

    def make(name: str, **options):
        loaded = METHODS.load(name)
        return loaded(weights=random_file(loaded, folder), device="cpu", **options)

    return make


def _size(name: str) -> tuple[int, int]:
    """Odd, and as small as the method allows."""
    least = max(SPECS[name].smallest, 12)
    return least + 5 + least % 2, least + 1 - least % 2


def _pair(folder: Path, size: tuple[int, int], channels: tuple[int, int], seed: int = 0):
    """Infrared and visible as stored files with one channel or three."""
    generator = np.random.default_rng(seed)
    pair = []
    for side, depth in zip(("ir", "vi"), channels, strict=True):
        shape = size if depth == 1 else (*size, depth)
        levels = generator.integers(0, 256, shape).astype(np.uint8)
        path = folder / f"{side}-{depth}-{seed}.png"
        path.write_bytes(encode_png(levels))
        pair.append(read_stored(path))
    return pair


@pytest.mark.parametrize("name", FUSED)
def test_odd_sizes_in_a_batch_stay_in_range_and_each_is_what_it_is_alone(made, name):
    import torch

    height, width = _size(name)
    generator = torch.Generator().manual_seed(1)
    infrared = torch.rand(2, 1, height, width, generator=generator)
    visible = torch.rand(2, 3, height, width, generator=generator)
    before = infrared.clone(), visible.clone()
    together = made(name).fuse(infrared, visible, [1, 2])
    alone = made(name).fuse(infrared[1:], visible[1:], [9])
    channels = {"gray": 1, "rgb": 3}[SPECS[name].output]
    assert tuple(together.shape) == (2, channels, height, width)
    assert 0 <= float(together.min()) <= float(together.max()) <= 1
    assert torch.equal(together[1:], alone)
    assert torch.equal(infrared, before[0])
    assert torch.equal(visible, before[1])


@pytest.mark.parametrize("name", FUSED)
def test_both_output_rules_and_every_storage(made, tmp_path, name):
    size = _size(name)
    for channels in ((1, 3), (3, 3), (1, 1)):
        pair = _pair(tmp_path, size, channels)
        published = made(name).fuse_stored(*pair, 0)
        assert tuple(published.shape[2:]) == size
        levels = published * 255
        assert float((levels - levels.round()).abs().max()) < 1e-4  # what a file of 8 bits holds
        plain = made(name, output="plain").fuse_stored(*pair, 0)
        assert tuple(plain.shape[2:]) == size
        assert 0 <= float(plain.min()) <= float(plain.max()) <= 1


@pytest.mark.parametrize("name", FUSED)
def test_by_luma_one_channel_and_three_equal_ones_are_the_same_picture(made, tmp_path, name):
    one = _pair(tmp_path, _size(name), (1, 1), seed=3)
    three = []
    for index, image in enumerate(one):
        path = tmp_path / f"three-{index}.png"
        path.write_bytes(encode_png(np.repeat(image.pixels[:, :, None], 3, axis=2)))
        three.append(read_stored(path))
    method = made(name, gray="luma")
    first, second = (method.fuse_stored(*pair, 0) for pair in (one, three))
    assert float((first - second).abs().max()) <= 1.01 / 255


@pytest.mark.parametrize(("name", "option", "value"), OTHER_VALUES)
def test_every_option_is_accepted_and_its_recipe_says_something(
    made, tmp_path, name, option, value
):
    method = made(name, **{option: value})
    assert json.loads(method.options.model_dump_json())[option] == value
    assert method.options.recipe().text
    fused = method.fuse_stored(*_pair(tmp_path, _size(name), (1, 3)), 0)
    assert tuple(fused.shape[2:]) == _size(name)


@pytest.mark.parametrize("name", SPECS)
def test_only_the_authors_output_rule_counts_as_stretched(name):
    options = SPECS[name].options
    assert not options(output="plain").recipe().stretched
    if options().recipe().stretched:
        assert any(word in options().recipe().text for word in ("stretched", "scaled"))


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.smallest > 1])
def test_a_pair_that_is_too_small_is_refused_with_its_file(made, tmp_path, name):
    least = SPECS[name].smallest
    pair = _pair(tmp_path, (least + 3, least - 1), (1, 3))
    with pytest.raises(UserError, match=rf"ir-1-0\.png: .*{name}.*at least {least} pixels"):
        made(name).fuse_stored(*pair, 0)


@pytest.mark.parametrize("name", SPECS)
def test_without_weights_the_error_says_what_to_get_and_under_what_terms(
    monkeypatch, tmp_path, name
):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path))
    spec = SPECS[name]
    with pytest.raises(UserError) as refused:
        METHODS.load(name)()
    for file in spec.weights[:1]:
        said = str(refused.value)
        assert {file.name, file.original_sha256, file.terms, "github.com"} <= {
            word
            for word in (file.name, file.original_sha256, file.terms, "github.com")
            if word and word in said
        }
    assert spec.alternative in said
    assert METHODS.get(spec.alternative)


@pytest.mark.parametrize("name", SPECS)
def test_the_spec_has_the_number_of_learned_values_of_the_network(name):
    loaded, spec = METHODS.load(name), SPECS[name]
    buffers = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index")
    learned = [
        prod(shape)
        for key, shape in loaded.__new__(loaded).shapes().items()
        if not key.endswith(buffers)
    ]
    assert sum(learned) == spec.parameters
    assert spec.published.venue
    assert spec.published.repository


@pytest.mark.parametrize("name", SPECS)
def test_the_entry_for_a_bibliography_says_what_the_reference_says(name):
    spec = SPECS[name]
    entry = dict(re.findall(r"^  (\w+) = \{(.+)\},?$", spec.published.bibtex, re.MULTILINE))
    title = entry["title"].translate({ord(brace): None for brace in "{}"})
    first = entry["author"].partition(",")[0]
    assert spec.paper.startswith(first)
    assert f", {title}, " in spec.paper
    assert entry["year"] == str(spec.published.year)
    assert entry["pages"].replace("--", "-") in spec.paper
    key = re.match(r"@(article|inproceedings)\{(\w+),\n", spec.published.bibtex)
    assert key
    assert key[2].startswith(first.lower() + entry["year"])
    same = {
        one.published.bibtex for one in SPECS.values() if f"{{{key[2]}," in one.published.bibtex
    }
    assert len(same) == 1  # one key, one paper
    assert spec.published.bibtex.count("{") == spec.published.bibtex.count("}")


def _renamed(tensors):
    key = next(iter(tensors))
    return {f"{key}x" if name == key else name: value for name, value in tensors.items()}, key


def _missing(tensors):
    *kept, key = tensors
    return {name: tensors[name] for name in kept}, key


def _unknown(tensors):
    return tensors | {"stranger": next(iter(tensors.values())).clone()}, "stranger"


def _reshaped(tensors):
    key = next(name for name, value in tensors.items() if value.ndim == 4)
    return tensors | {key: tensors[key][:, :1].contiguous().flatten()}, key


def _not_finite(tensors):
    key = next(name for name, value in tensors.items() if value.ndim == 4)
    return tensors | {key: tensors[key] * float("nan")}, key


@pytest.mark.parametrize("change", [_renamed, _missing, _unknown, _reshaped, _not_finite])
@pytest.mark.parametrize("name", SPECS)
def test_weights_that_do_not_fit_are_refused_by_the_name_of_the_tensor(tmp_path, name, change):
    from safetensors.torch import save_file

    loaded = METHODS.load(name)
    tensors, key = change(random_tensors(loaded))
    path = tmp_path / "wrong.safetensors"
    save_file(tensors, path)
    with pytest.raises(UserError, match=rf"{name}: weights .*wrong\.safetensors") as refused:
        loaded(weights=str(path), device="cpu")
    assert key in str(refused.value)


@pytest.mark.parametrize("name", SPECS)
def test_the_authors_file_and_the_converted_one_give_the_same_tensors(tmp_path, name):
    import torch

    loaded, file = METHODS.load(name), SPECS[name].weights[0]
    original, converted = published(loaded, tmp_path), tmp_path / file.name
    convert(file, original, converted)
    wanted = random_tensors(loaded)
    for path in (original, converted):
        found = loaded(weights=str(path), device="cpu").tensors
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[key], value) for key, value in wanted.items())


def _changed(path: Path, change) -> None:
    path.write_bytes(bytes(change(bytearray(path.read_bytes()))))


def _bit(place: int):
    def change(data: bytearray) -> bytearray:
        data[place] ^= 1
        return data

    return change


def _compressed(data: bytearray) -> bytearray:
    data[data.index(b"\0\0\0\0\1\0\0\0\0") + 8] = 1  # restart points and type of the first block
    return data


def _data_of(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".index") + DATA)


CHECKPOINT_DAMAGE = {
    "bit of the index": (lambda path: _changed(path, _bit(20)), "checksum of a block"),
    "bit of the data": (lambda path: _changed(_data_of(path), _bit(1)), "checksum does not fit"),
    "cut index": (lambda path: _changed(path, lambda data: data[:-9]), "cut off"),
    "compressed": (lambda path: _changed(path, _compressed), "snappy"),
    "beyond the end": (None, "beyond the end"),
    "data of another": (
        lambda path: _changed(_data_of(path), lambda data: data[::-1]),
        "of another checkpoint",
    ),
}
FILE_DAMAGE = {
    "first bit": (lambda path: _changed(path, _bit(0)), "refused to load"),
    "cut": (lambda path: _changed(path, lambda data: data[: len(data) // 2]), "refused to load"),
    "empty": (lambda path: path.write_bytes(b""), "refused to load"),
    "text": (lambda path: path.write_text("404: Not Found"), "refused to load"),
    "single tensor": (lambda path: _saved_alone(path), "expected a state dict"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "no weights file"),
}


def _saved_alone(path: Path) -> None:
    import torch

    torch.save(torch.zeros(3), path)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The authors' files of a method, made once."""
    folder, kept = tmp_path_factory.mktemp("published"), {}

    def make(name: str, target: Path, beyond: int = 0) -> Path:
        if beyond not in kept.get(name, {}):
            kept.setdefault(name, {})[beyond] = published(
                METHODS.load(name), folder / name / str(beyond), beyond=beyond
            )
        path = kept[name][beyond]
        shutil.copytree(path.parent, target, dirs_exist_ok=True)
        return target / path.name

    return make


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("name", SPECS)
def test_a_damaged_file_of_the_authors_is_refused_by_name(originals, tmp_path, name, index):
    tensorflow = SPECS[name].weights[0].original.endswith(".index")
    damage = CHECKPOINT_DAMAGE if tensorflow else FILE_DAMAGE
    change, said = list(damage.values())[index]
    path = originals(name, tmp_path / "there", 0 if change else 1 << 30)
    if change:
        change(path)
    with pytest.raises(UserError, match=said) as refused:
        METHODS.load(name)(weights=str(path), device="cpu")
    assert path.name.removesuffix(".index") in str(refused.value)


class Witness:
    """Makes a folder when it is unpickled by a careless loader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.mkdir, (self.path,)


@pytest.mark.parametrize("how", ["torch", "pickle"])
@pytest.mark.parametrize("name", SPECS)
def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path, name, how):
    import torch

    loaded, file = METHODS.load(name), SPECS[name].weights[0]
    content = {**random_tensors(loaded), "more": Witness(tmp_path / "ran")}
    if file.original.endswith(".index"):
        first = tmp_path / "hostile.ckpt"
        places = [first]
    else:
        first = published(loaded, tmp_path)
        places = sorted(first.parent.glob(f"*{first.suffix}"))
    for place in places:  # each of several files alone
        kept = place.read_bytes() if place.exists() else b""
        if how == "torch":
            torch.save(content, place)
        else:
            place.write_bytes(pickle.dumps(content))
        with pytest.raises(UserError, match=rf"refused to load weights .*{re.escape(place.name)}"):
            loaded(weights=str(first), device="cpu")
        with pytest.raises(UserError, match="refused to load weights"):
            convert(file, first, tmp_path / "converted.safetensors")
        place.write_bytes(kept)
    assert not (tmp_path / "converted.safetensors").exists()
    assert not (tmp_path / "ran").exists()
