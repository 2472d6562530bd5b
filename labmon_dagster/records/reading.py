"""Records as they are found, of any program: what is understood of each, and what is not.

What labmon writes is checked by the models. What it finds may have other forms: these are read where one can
say what they mean, and left out where not. Nothing in the database changes by being read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from math import nan
from typing import Any, TypeVar

from pydantic import ValidationError

from labmon_dagster.records.errors import told
from labmon_dagster.records.models import START, STOP, Detector, Temperature

M = TypeVar("M", bound=Detector)
_NEEDED = frozenset({"name", START, STOP})
ASIDE = " (not understood)"
_UNKNOWN = Temperature.model_construct(mean=nan, std=nan)


def read(model: type[M], body: Mapping[str, Any]) -> M:
    """Give a record; its ``unclear`` names the fields that are not understood, each with the reason.

    What these hold stands beside, with `ASIDE` behind the name. Raises ValidationError where its name or its
    times are not understood, or contradict each other.
    """
    try:
        return model.model_validate(body)
    except ValidationError:
        pass
    fields = {name: _formed(name, value) for name, value in body.items() if not _absent(model, name, value)}
    unclear: dict[str, str] = {}
    try:
        record = model.model_validate(fields)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        if not wrong or wrong & _NEEDED:
            raise
        unclear = {field: told(error, only=field) for field in sorted(wrong)}
        shown = {f"{name}{ASIDE}" if name in wrong else name: value for name, value in fields.items()}
        record = model.model_validate(shown)
    record.unclear.update(unclear)
    if "temperature" in unclear:
        setattr(record, "temperature", _UNKNOWN)  # noqa: B010 - there is one, whatever it is
    return record


def _absent(model: type[Detector], name: str, value: object) -> bool:
    """Whether nothing is said by a field of the model."""
    return (value is None and name in model.model_fields) or (value == "" and name in {START, STOP})


def _formed(name: str, value: object) -> object:
    form = _FORMS.get(name)
    return value if form is None else form(value)


def _instant(value: object) -> object:
    """An instant that is written as text in ISO 8601."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


def _detectors(value: object) -> object:
    """The names of detectors alone, or a single one."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list):
        return value
    return [{"name": one} if isinstance(one, str) else one for one in values]


def _channels(value: object) -> object:
    """One channel alone, or those of each detector under its name."""
    if not isinstance(value, dict):
        return value
    if "det_name" in value or not all(isinstance(one, dict) for one in value.values()):
        return [value]
    return [{"det_name": name, **one} for name, one in value.items()]


_FORMS: Mapping[str, Callable[[object], object]] = {
    START: _instant,
    STOP: _instant,
    "detector": _detectors,
    "channel_config": _channels,
}
