"""The JSON of a device, understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from labmon_dagster.model.devices import DeviceSettings, Heard, Said, Value
from labmon_dagster.sources.device_json.leaves import Leaf, NoValue, leaves, parse
from labmon_dagster.sources.device_json.quantities import Defaults
from labmon_dagster.sources.device_json.units import Units, unit_of
from labmon_dagster.sources.wire import declared, web
from labmon_dagster.sources.wire.declared import Declared, Gathering

FORM = "json"
_KNOWN = (*declared.OPTIONS, *web.OPTIONS, "time")
_TIMES = ("time", "timestamp")
_DEVICE, _UNITS = "device", "units"
_SHORT = 64 * 1024  # bytes
_FARTHEST = 2**63  # ns
_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device gave: its single values without its own time and name, which stand apart.

    ``units``: what stands together under that key.
    """

    leaves: tuple[Leaf, ...]
    units: Mapping[str, Any]
    time: str = ""
    device: str = ""


def check(settings: DeviceSettings, defaults: Defaults) -> None:
    """Raise ValueError for options that make no sense."""
    declared.refuse_unknown(settings, _KNOWN)
    Declared.of(settings, defaults.fields, defaults.names)
    if not isinstance(settings.options.get("time", ""), str):
        raise ValueError("time is the name of the value that is the device's own time, such as status.time")


def understanding(defaults: Defaults) -> Callable[[Heard, DeviceSettings], Said]:
    """Give how JSON with these quantities is understood."""

    def understand(heard: Heard, settings: DeviceSettings) -> Said:
        """Make values of an answer. Raises ValueError for what is no JSON object of single values."""
        if heard.form != FORM or heard.trouble:
            raise ValueError(heard.trouble or f"no JSON: its form is {heard.form!r}")
        answer = answered(heard.payload, settings)
        gathering = Gathering(Declared.of(settings, defaults.fields, defaults.names))
        units = Units(answer.units, gathering.declared)
        unnamed = [[one.path, _shown(one.value)] for one in answer.leaves if not _take(one, gathering, units)]
        unnamed += [[f"units.{path}", _shown(unit)] for path, unit in units.left]
        told = {"time": answer.time, "device": answer.device, "_unnamed": unnamed}
        return gathering.said({key: found for key, found in told.items() if found})

    return understand


def own_time(payload: bytes, settings: DeviceSettings) -> int | None:
    """Give the device's own time (UTC ns); None where it tells none, or not as RFC 3339 with its zone.

    None also for answers of 64 KiB and more: this is done between polls, where nothing may take long.
    """
    if len(payload) >= _SHORT:
        return None
    try:
        return instant(answered(payload, settings).time)
    except ValueError:
        return None


def answered(payload: bytes, settings: DeviceSettings) -> Answer:
    """Take an answer apart. Raises ValueError for what is no JSON object."""
    found = parse(payload)
    units = found.pop(_UNITS) if isinstance(found.get(_UNITS), Mapping) else {}
    time_at = settings.options.get("time")
    try:
        all_leaves = [replace(leaf, path=leaf.path.removeprefix("values.")) for leaf in leaves(found)]
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    times = (time_at,) if time_at else _TIMES
    time = _first_text(all_leaves, times)
    device = _first_text(all_leaves, (_DEVICE,))
    apart = {path for path, text in (time, device) if text}
    rest = tuple(leaf for leaf in all_leaves if leaf.path not in apart)
    return Answer(rest, units, time[1], device[1])


def instant(text: str) -> int | None:
    """Give a time of RFC 3339 as UTC ns; None for any other text, and where 64 bits do not reach."""
    match = _STAMP.fullmatch(text)
    if not match:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        seconds = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}").timestamp()
    except (ValueError, OverflowError):
        return None
    found = int(seconds) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    return found if abs(found) < _FARTHEST else None


def _first_text(found: list[Leaf], paths: tuple[str, ...]) -> tuple[str, str]:
    """Give the first text at one of these paths, if nothing else is called the same."""
    for leaf in found:
        if leaf.path in paths and isinstance(leaf.value, str):
            alone = sum(one.path == leaf.path for one in found) == 1
            return (leaf.path, leaf.value) if alone else ("", "")
    return "", ""


def _take(leaf: Leaf, gathering: Gathering, units: Units) -> bool:
    """Take a value; whether it has a name that can be used."""
    try:
        gathering.declared.name(leaf.path)
    except ValueError:
        return False
    ours = gathering.named(leaf.path)
    unit = units.take(leaf.path, *map(unit_of, leaf.units))
    if ours is None:
        return True
    if isinstance(leaf.value, NoValue):
        gathering.missing[ours] = leaf.value.reason
    elif isinstance(unit, NoValue):
        gathering.missing[ours] = unit.reason
    else:
        gathering.put(ours, leaf.value, unit)
    return True


def _shown(value: Value | NoValue) -> str:
    return value.reason if isinstance(value, NoValue) else str(value)
