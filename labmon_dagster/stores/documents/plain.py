"""Bodies as every store holds them, so that what comes back is equal whatever database lies behind.

Plain values are None, truth values, integers of 64 bits, floats, text, bytes, and lists and records of
them. An instant at key ``k`` is cut to milliseconds, as MongoDB's dates are, and its nanoseconds since
1970 stand beside it as the integer ``k_ns``; a list of instants has a list of integers beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from labmon_dagster.model import SECOND
from labmon_dagster.model.window import moment

LOWEST, HIGHEST = -(2**63), 2**63 - 1
DEEPEST = 100
EXACT = "_ns"
HIDDEN = frozenset({"_id", "_labmon"})
RESERVED = HIDDEN | {"time", "time_ns"}
_MILLISECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = frozenset({str, float, bool, bytes, type(None)})
_Path: TypeAlias = tuple[Any, ...]  # () at the top, else the path of what is around, and the key
_ALLOWED = "JSON values, bytes and datetimes with a zone"


class UnfitError(Exception):
    """A document cannot be stored; the text says what is wrong with it."""


def plain(body: Mapping[str, Any], reserved: frozenset[str] = RESERVED) -> dict[str, Any]:
    """Give the body in plain values; ``reserved`` names it may not have at its top. Raises UnfitError."""
    if not reserved.isdisjoint(body):
        taken = ", ".join(sorted(reserved.intersection(body)))
        raise UnfitError(f"the names {taken} are taken: give the field another one")
    return _record(body, (), 1)


def exact(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give back what `plain` was given: the integers beside instants become part of these again.

    An instant of whole microseconds is a datetime, any other one of pandas' Timestamps.
    """
    beside = {f"{key}{EXACT}" for key, value in body.items() if _has_instants(value)}
    return {key: _exact(value, body.get(f"{key}{EXACT}")) for key, value in body.items() if key not in beside}


def date_of(ns: int) -> datetime:
    """An instant (UTC ns) cut to the millisecond."""
    return _EPOCH + timedelta(0, 0, 0, ns // _MILLISECOND)


def _record(found: Mapping[str, Any], path: _Path, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise UnfitError(f"{_text(path)[:80]}…: nested more than {DEEPEST} deep")
    _check_keys(found, path)
    made: dict[str, Any] = {}
    for key, value in found.items():
        kind = type(value)
        if kind is int:
            made[key] = value if LOWEST <= value <= HIGHEST else _single(value, (path, key))
        elif kind in _PLAIN:
            made[key] = value
        elif kind is dict:
            made[key] = _record(value, (path, key), depth + 1)
        else:
            made[key], exact = _value(value, (path, key), depth)
            if exact is not None:
                made[_beside(found, key, path)] = exact
    return made


def _beside(found: Mapping[str, Any], key: str, path: _Path) -> str:
    """Name what stands beside an instant. Raises UnfitError where something else has that name."""
    beside = f"{key}{EXACT}"
    if beside in found:
        raise UnfitError(f"{_text(path) or 'document'}: {beside!r} is taken by the exact time of {key!r}")
    return beside


def _check_keys(found: Mapping[str, Any], path: _Path) -> None:
    """Raise UnfitError for a key that not every store can keep. All are looked at at once: it is faster."""
    try:
        keys = "".join(found)
    except TypeError:
        keys = "$"
    if "$" not in keys and "\0" not in keys:
        return
    for key in found:
        if not isinstance(key, str) or key.startswith("$") or "\0" in key:
            raise UnfitError(_about_key(key, _text(path)))


def _value(value: Any, path: _Path, depth: int) -> tuple[Any, Any]:
    """Give the plain value, and what is to stand beside it (None: nothing)."""
    if type(value) is not list and isinstance(value, Mapping):
        return _record(value, path, depth + 1), None
    if isinstance(value, list | tuple):
        return _list(value, path, depth + 1)
    if isinstance(value, datetime):
        ns = _nanoseconds(value, path)
        return date_of(ns), ns
    return _single(value, path), None


def _list(found: Iterable[Any], path: _Path, depth: int) -> tuple[list[Any], list[Any] | None]:
    if depth > DEEPEST:
        raise UnfitError(f"{_text(path)[:80]}…: nested more than {DEEPEST} deep")
    values = list(found)
    kinds = set(map(type, values))
    if kinds <= _PLAIN or (kinds == {int} and min(values) >= LOWEST and max(values) <= HIGHEST):
        return values, None
    pairs = [_value(value, (path, number), depth) for number, value in enumerate(values)]
    exact = [ns for _, ns in pairs]
    return [value for value, _ in pairs], exact if any(ns is not None for ns in exact) else None


def _single(value: Any, path: _Path) -> Any:
    """Give a value without its subclass (numpy's floats, enumerations)."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not LOWEST <= value <= HIGHEST:
            raise UnfitError(f"{_text(path)}: the integer {str(value)[:40]} does not fit into 64 bits")
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes):
        return bytes(value)
    if type(value) in _PLAIN:
        return value
    raise UnfitError(f"{_text(path)}: a value of type {type(value).__name__}; allowed: {_ALLOWED}")


def _nanoseconds(value: datetime, path: _Path) -> int:
    """Count ns since 1970; pandas' Timestamps keep theirs."""
    if value.tzinfo is None or value.utcoffset() is None:
        raise UnfitError(f"{_text(path)}: the time {value} has no zone; say which it is, as in {value}+00:00")
    passed = value - _EPOCH
    ns = (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds * 1000
    ns += getattr(passed, "nanoseconds", 0)
    if not LOWEST <= ns <= HIGHEST:
        raise UnfitError(
            f"{_text(path)}: the time {value} lies outside 1677–2262, the years 64 bits of ns can count"
        )
    return ns


def _has_instants(value: Any) -> bool:
    return isinstance(value, datetime) or (isinstance(value, list) and any(map(_has_instants, value)))


def _exact(value: Any, beside: Any) -> Any:
    if isinstance(value, Mapping):
        return exact(value)
    if isinstance(value, list):
        times = beside if isinstance(beside, list) else [None] * len(value)
        return [_exact(one, ns) for one, ns in zip(value, times, strict=True)]
    return moment(beside) if isinstance(value, datetime) and isinstance(beside, int) else value


def _text(path: _Path) -> str:
    """Write out where a value stands; it is seldom wanted."""
    keys: list[str] = []
    while path:
        path, key = path
        keys.append(str(key))
    return ".".join(reversed(keys))


def _about_key(key: object, path: str) -> str:
    where = f"{path}: " if path else ""
    if not isinstance(key, str):
        return f"{where}the key {key!r} is no text"
    if "\0" in key:
        return f"{where}the key {key!r} has a NUL character"
    return f"{where}the key {key!r} begins with $, which marks types and operators"
