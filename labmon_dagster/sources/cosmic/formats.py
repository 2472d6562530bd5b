"""The formats of an event, each a type by its number (key ``Format``). A new format is one more of them.

The names are those of the keys, since the types are the schema. Null and absent are the same here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec


class Channel(msgspec.Struct, frozen=True, gc=False):
    """A channel of the TDC: registers of 24 bits.

    The class has lists of five ``Data`` and two ``Calib``; the dump one ``Data``, and ``Calib1``, ``Calib2``
    beside an empty ``Calib``.
    """

    Data: int | list[int | None] | None = None
    Calib: list[int | None] | None = None
    Calib1: int | None = None
    Calib2: int | None = None


class Format1(msgspec.Struct, frozen=True, gc=False):
    """What is decoded of an event of format 1, as the class and the dump have it."""

    CosmicBlock: int | None = None
    TriggerBits: int | None = None
    Timestamp: int | float | None = None
    EventCounter: int | None = None
    CounterClocks: int | None = None
    TDC: dict[str, Channel | None] | None = None


Typed: TypeAlias = Format1
FORMATS: Mapping[int, type[Typed]] = {1: Format1}
_DECODERS = {number: msgspec.json.Decoder(kind) for number, kind in FORMATS.items()}


def typed(text: bytes, number: int) -> Typed:
    """Read the JSON of an event into the type of its format.

    Raises KeyError for an unknown format, msgspec.ValidationError for a value of another type.
    """
    return _DECODERS[number].decode(text)


def as_far_as_typed(raw: Mapping[str, Any], number: int) -> tuple[Typed, dict[str, str]]:
    """Give an event without its values of a wrong type; and for these, by key, what is wrong."""
    kind = FORMATS[number]
    fitting: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        value = raw.get(field.name)
        if field.name == "TDC" and isinstance(value, dict):
            fitting["TDC"] = {}
            for name, channel in value.items():
                _convert(f"TDC.{name}", channel, Channel | None, fitting["TDC"], wrong, name)
        else:
            _convert(field.name, value, field.type, fitting, wrong, field.name)
    return kind(**fitting), wrong


def _convert(
    path: str, value: Any, kind: Any, fitting: dict[str, Any], wrong: dict[str, str], name: str
) -> None:
    try:
        fitting[name] = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        wrong[path] = str(error)
