"""What pydantic says of a component's attributes, in words that name the place and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

Place = tuple[str | int, ...]
_FIELD = re.compile(r"(\w+) (\w+):")
_PREFIX = "Value error, "


def complaints(error: ValidationError, model: type[BaseModel], given: Any) -> Iterator[tuple[Place, str]]:
    """Give place and message of each error; the branches of a union are one error."""
    found = [(_place(one["loc"], given), one) for one in error.errors(include_url=False)]
    for place, some in groupby(found, key=lambda pair: pair[0]):
        messages = list(dict.fromkeys(_message(one, place, model) for _, one in some))
        if not place:
            yield from ((_guessed(text, given), text) for text in messages)
        else:
            yield place, "; or ".join(messages)


def _place(loc: Sequence[str | int], given: Any) -> Place:
    """Leave of pydantic's location what is a path in the YAML."""
    place: list[str | int] = []
    for key in loc:
        inside = isinstance(given, Mapping) and key in given
        if inside or (isinstance(given, list) and isinstance(key, int) and key < len(given)):
            given = given[key]
            place.append(key)
    return tuple(place)


def _guessed(message: str, given: Any) -> Place:
    """Find the place a rule about the whole speaks of, where it begins like `quality PPFD: …`."""
    match = _FIELD.match(message)
    if match and isinstance(given, Mapping):
        for place in (match.groups(), match.groups()[:1]):
            if _place(place, given) == place:
                return place
    return ()


def _message(one: Mapping[str, Any], place: Place, model: type[BaseModel]) -> str:
    kind, loc, context = one["type"], one["loc"], one.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = keys_at(model, loc[:-1])
        return f"unknown key; {suggestion(str(loc[-1]), allowed)}"
    if kind == "missing":
        return f"{loc[-1]} is missing{_meaning(model, loc)}"
    if kind in {"literal_error", "enum"}:
        return f"{one['input']!r} is not known here; allowed: {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"{one['input']!r} does not fit; allowed: {context['pattern']}{_meaning(model, loc)}"
    message = str(one["msg"])
    if message.startswith(_PREFIX):
        return message.removeprefix(_PREFIX)
    said = message.removeprefix("Input ").replace("should be a valid", "should be a")
    return f"{said[:1].lower()}{said[1:]}, not {one['input']!r}{_meaning(model, loc)}"


def _meaning(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    """Say what a field is, if its model does."""
    for found in _models_at(model, loc[:-1]):
        field = found.model_fields.get(str(loc[-1]))
        if field is not None and field.description:
            return f" ({field.description})"
    return ""


def suggestion(key: str, allowed: Iterable[str]) -> str:
    """Say which of the allowed keys was probably meant (of dotted ones the end counts), or all of them."""
    known = sorted(allowed)
    by_end = {one.rpartition(".")[2]: one for one in known}
    close = [by_end[end] for end in get_close_matches(key.rpartition(".")[2], by_end, n=3, cutoff=0.6)]
    return (
        f"did you mean {' or '.join(close)}? allowed: {', '.join(known)}"
        if close
        else f"allowed: {', '.join(known)}"
    )


def keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """List the keys a model allows at a place within it."""
    return [name for found in _models_at(model, loc) for name in found.model_fields]


def _models_at(annotation: Any, loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """Find the models that may stand at a place; a union has several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not loc:
            return [annotation]
        field = annotation.model_fields.get(str(loc[0]))
        if field is not None:
            return _models_at(field.annotation, loc[1:])
        return _models_at(annotation, loc[1:]) if loc[0] == annotation.__name__ else []
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {dict, list, Mapping, Sequence} or (
        isinstance(origin, type) and issubclass(origin, (Mapping, Sequence))
    ):
        return _models_at(arguments[-1], loc[1:]) if loc else []
    return [found for one in arguments for found in _models_at(one, loc)]
