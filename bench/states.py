"""The state of a training as one safetensors file: tensors, and a JSON header with all other values.

No code in such a file is ever run, whatever it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivif_bench.errors import UserError
from ivif_bench.files import demand_regular, replacing

if TYPE_CHECKING:
    from torch import Tensor

_HEADER = "state"  # one entry only: safetensors writes several in random order
_FORMAT = "ivif-bench-state/1"


def write_state_file(path: Path, state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Write a state atomically; equal states are equal files.

    Args:
        state: nested dicts (keys: strings or integers), lists and tuples of tensors, numbers, strings,
            booleans and None, as ``state_dict()`` of networks and optimisers are.
        identity: JSON values that must be equal for the state to be used.

    Raises:
        TypeError: a value of another type; the message names its place.
    """
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    header = {"format": _FORMAT, "identity": dict(identity), "state": _pack(state, "", tensors)}
    text = json.dumps(header)
    with replacing(path) as partial:
        save_file(dict(_apart(tensors)), partial, {_HEADER: text})


def read_state_file(
    path: Path, identity: Mapping[str, Any], *, what: str, damaged: str, differs: str
) -> dict[str, Any] | None:
    """The state in a file, with its tensors on the CPU; None if there is no such file.

    Args:
        identity: what ``write_state_file`` must have been given.
        what: the kind of file, for messages: "not {what}".
        damaged, differs: what to do with a file that cannot be read, or is of another identity.

    Raises:
        UserError: it is damaged, or of another identity; the message names the difference.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        demand_regular(path)
        with safe_open(path, "pt") as file:
            header = json.loads(file.metadata()[_HEADER])
            if header.get("format") != _FORMAT:
                raise ValueError(f"format {header.get('format')!r}, not {_FORMAT!r}")
            # Copies: what safetensors returns is mapped, and would be lost with the file.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
        found, state = header["identity"], _unpack(header["state"], tensors)
        if not isinstance(state, dict):
            raise ValueError("no dict")
    except (
        SafetensorError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        OSError,
        RecursionError,
    ) as problem:
        raise UserError(
            f"{path}: not {what} ({type(problem).__name__}: {problem}); {damaged}"
        ) from problem
    key, before, now = _first_difference("", found, json.loads(json.dumps(dict(identity))))
    if key:
        raise UserError(f"{path} was made with {key} {before!r}, now {now!r}; {differs}")
    return state


def _pack(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON; tensors are put aside under the place where they were.

    What JSON does not have (tensors, tuples, integer keys) is ``{"$": kind, "is": content}``.
    """
    import torch

    if isinstance(value, torch.Tensor):
        tensors[place] = value
        return {"$": "tensor", "is": place}
    if isinstance(value, Mapping):
        for key in value:
            if isinstance(key, bool) or not isinstance(key, str | int):
                raise TypeError(f"{place or 'state'}: key {key!r} is no string or integer")
        packed = [(key, _pack(each, _place(place, key), tensors)) for key, each in value.items()]
        plain = all(isinstance(key, str) and key != "$" for key in value)
        return dict(packed) if plain else {"$": "dict", "is": packed}
    if isinstance(value, list | tuple):
        items = [_pack(each, _place(place, at), tensors) for at, each in enumerate(value)]
        return items if isinstance(value, list) else {"$": "tuple", "is": items}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{place or 'state'}: {type(value).__name__} cannot be stored in a state")


def _place(prefix: str, key: str | int) -> str:
    """Name of a tensor's place; the integer 0 and the text "0" are different keys."""
    name = key if isinstance(key, str) else f"#{key}"
    return f"{prefix}/{name}" if prefix else name


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: _unpack(each, tensors) for key, each in value.items()}
    kind, content = value["$"], value["is"]
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(each, tensors) for key, each in content}
    if kind == "tuple":
        return tuple(_unpack(each, tensors) for each in content)
    raise ValueError(f"a value of kind {kind!r}")


def _apart(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Tensors on the CPU that share no memory; only those that do are copied."""
    seen = set[int]()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        if place in seen or plain.untyped_storage().nbytes() != plain.nbytes:
            plain = plain.clone()
        seen.add(place)
        yield name, plain


def _first_difference(prefix: str, found: Any, wanted: Any) -> tuple[str, Any, Any]:
    """Dotted name of the first leaf that differs with both its values; the name is empty if none."""
    if not (isinstance(found, Mapping) and isinstance(wanted, Mapping)):
        return ("" if found == wanted else prefix or "identity"), found, wanted
    for key in sorted({*found, *wanted}):
        name = f"{prefix}.{key}" if prefix else key
        difference = _first_difference(name, found.get(key), wanted.get(key))
        if difference[0]:
            return difference
    return "", None, None
