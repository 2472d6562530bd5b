"""What the YAML declares of a device that names its quantities itself: their names here, types and units.

Options: ``names: {their name: ours}``, ``only: [ours, …]``,
``quantities: {ours: {type, unit, description}}``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labmon_dagster.model.devices import DeviceSettings, Said, Value
from labmon_dagster.model.measurement import TIME, Field, FieldType
from labmon_dagster.sources.wire import units

OPTIONS = ("names", "only", "quantities")
_SNAKE = re.compile(r"[a-z][a-z0-9_]*")
_LARGEST = 2**63 - 1
_YES_NO = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_DETAILS = {"type", "unit", "description"}


@dataclass(frozen=True, slots=True)
class Declared:
    """The names, fields and choice of quantities of one device.

    ``wanted``: what the YAML names, and so is missing where the device does not say it.
    """

    names: Mapping[str, str]
    only: frozenset[str]
    fields: Mapping[str, Field]
    wanted: frozenset[str]

    @classmethod
    def of(
        cls, settings: DeviceSettings, defaults: tuple[Field, ...], usual: Mapping[str, str] | None = None
    ) -> Declared:
        """Read the options. ``defaults`` and ``usual`` are the fields and names of the type.

        Raises ValueError for options that make no sense.
        """
        told_names = {str(k): _checked(v, "names") for k, v in _mapping(settings, "names").items()}
        _refuse_twice(told_names)
        only = frozenset(_checked(name, "only") for name in _sequence(settings, "only"))
        told = {_checked(k, "quantities"): _field(k, v) for k, v in _mapping(settings, "quantities").items()}
        ours = set(told_names.values())
        names = {k: v for k, v in (usual or {}).items() if v not in ours} | told_names
        fields = {one.name: one for one in defaults} | told
        return cls(names, only, fields, only or frozenset({*ours, *told}))

    @property
    def quantities(self) -> tuple[Field, ...]:
        """The fields of what may be said."""
        return tuple(one for one in self.fields.values() if not self.only or one.name in self.only)

    def name(self, theirs: str) -> str:
        """Give our name of a quantity. Raises ValueError where none can be made of theirs."""
        return self.names.get(theirs) or snake_case(theirs)


@dataclass
class Gathering:
    """What a device said, gathered quantity by quantity. Two of one name are refused: ValueError."""

    declared: Declared
    values: dict[str, Value] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    _theirs: dict[str, str] = field(default_factory=dict)

    def named(self, theirs: str) -> str | None:
        """Take note of a quantity; give our name, or None where it is not asked for."""
        ours = self.declared.name(theirs)
        if self.declared.only and ours not in self.declared.only:
            return None
        if ours in self._theirs:
            first = self._theirs[ours]
            raise ValueError(f"{first!r} and {theirs!r} would both be {ours!r}; tell them apart under names")
        self._theirs[ours] = theirs
        return ours

    def put(self, ours: str, value: Value, unit: str) -> None:
        """Keep a value as its field declares it; what does not fit is missing, with the reason."""
        declared = self.declared.fields.get(ours)
        try:
            self.values[ours] = fitted(value, unit, declared)
        except ValueError as error:
            self.missing[ours] = str(error)
            return
        unit = (declared.unit if declared else "") or unit
        if unit:
            self.units[ours] = unit

    def said(self, details: Mapping[str, object]) -> Said:
        """Give all of it. Raises ValueError if there is nothing at all."""
        for name in sorted(self.declared.wanted - self._theirs.keys()):
            self.missing[name] = "the device did not say it"
        if not self._theirs:
            raise ValueError("not one quantity in it that is known or asked for")
        return Said(self.values, self.units, self.missing, details)


def fitted(value: Value, unit: str, declared: Field | None) -> Value:
    """Give a value as its field holds it: the same number, moved by a decimal prefix where the units differ.

    Raises ValueError, which says what came and what was expected.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} came, which is no finite number")
    if declared is None:
        return _kept(value)
    if declared.type is FieldType.TEXT:
        return _text(value)
    if declared.type is FieldType.BOOLEAN:
        return _boolean(value)
    if isinstance(value, bool | str):
        raise ValueError(f"{value!r} came, a number was expected")
    if unit and declared.unit:
        value = units.moved(value, unit, declared.unit)
    return _whole(value) if declared.type is FieldType.INTEGER else _float(value)


def snake_case(theirs: str) -> str:
    """Turn a name into one of ours: ``Coolant-In Temp.`` is ``coolant_in_temp``. Raises ValueError."""
    plain = unicodedata.normalize("NFKD", theirs)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", plain)
    ours = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
    if not _SNAKE.fullmatch(ours) or ours == TIME:
        raise ValueError(f"no name of a quantity can be made of {theirs!r}; give it one under names")
    return ours


def _kept(value: Value) -> Value:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError("an integer came that has more than 64 bits")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} came, a text was expected")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a text came with half a character (a lone surrogate)") from None
    return value


def _boolean(value: Value) -> bool:
    if isinstance(value, str):
        found = _YES_NO.get(value.lower())
    else:
        found = {0: False, 1: True}.get(int(value)) if value == int(value) else None
    if found is None:
        raise ValueError(f"{value!r} came, one of on, off, true, false, yes, no, 1, 0 was expected")
    return found


def _whole(value: float) -> int:
    if value != int(value) or abs(value) > _LARGEST:
        raise ValueError(f"{value!r} came, an integer of 64 bits was expected")
    return int(value)


def _float(value: float) -> float:
    if abs(value) > 2**53 and not isinstance(value, float):
        raise ValueError(f"{value} came, which no float holds exactly")
    return float(value)


def _checked(name: object, option: str) -> str:
    if not isinstance(name, str) or not _SNAKE.fullmatch(name) or name == TIME:
        raise ValueError(f"{option}: {name!r} is no name of a quantity; write it like coolant_in_temperature")
    return name


def _refuse_twice(names: Mapping[str, str]) -> None:
    twice = sorted(name for name, times in Counter(names.values()).items() if times > 1)
    if twice:
        raise ValueError(f"names: more than one name of theirs becomes {', '.join(twice)}")


def _mapping(settings: DeviceSettings, option: str) -> Mapping[object, object]:
    found = settings.options.get(option, {})
    if not isinstance(found, Mapping):
        raise ValueError(f"{option} is {found!r}; a mapping was expected")
    return found


def _sequence(settings: DeviceSettings, option: str) -> Sequence[object]:
    found = settings.options.get(option, [])
    if isinstance(found, str) or not isinstance(found, Sequence):
        raise ValueError(f"{option} is {found!r}; a list of names was expected")
    return found


def _field(name: object, told: object) -> Field:
    if not isinstance(told, Mapping) or not set(told) <= _DETAILS:
        raise ValueError(f"quantities: {name}: {told!r}; a mapping with type, unit, description was expected")
    texts = {str(key): str(value) for key, value in told.items()}
    try:
        kind = FieldType(texts.get("type", "float"))
    except ValueError:
        allowed = ", ".join(FieldType)
        raise ValueError(f"quantities: {name}: type {texts['type']!r}; allowed: {allowed}") from None
    return Field(str(name), kind, texts.get("unit", ""), texts.get("description", ""))


def refuse_unknown(settings: DeviceSettings, known: Sequence[str]) -> None:
    """Raise ValueError for options that nobody knows."""
    unknown = sorted(str(one) for one in settings.options if one not in known)
    if unknown:
        raise ValueError(f"unknown option {', '.join(unknown)}; known: {', '.join(sorted(known))}")
