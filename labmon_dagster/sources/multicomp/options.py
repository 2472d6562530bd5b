"""The options of an MP710508, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labmon_dagster.model.devices import DeviceSettings
from labmon_dagster.sources.multicomp.quantities import CHANNELS
from labmon_dagster.sources.wire.numerals import numeral, numerals

_LARGEST_PORT = 65_535
_LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a supply, and how its answers are known.

    ``channels``: those that are read; ``protection``: its settings too. ``local_port``: of ours, None: as
    the device's; one on this machine is an emulated one, and answers to any. ``pause``: s before each
    question. ``grace``: s that a late answer is waited for.
    ``model``: how the answer to ``*IDN?`` begins.
    ``single_digits``: one byte may be a number.
    """

    channels: tuple[int, ...] = CHANNELS
    protection: bool = True
    local_port: int | None = None
    pause: float = 0.0
    grace: float = 3.0
    model: str = "MP710508"
    single_digits: bool = False

    @classmethod
    def of(cls, settings: DeviceSettings) -> Options:
        """Read the options of a device. Raises ValueError, which says what is wrong."""
        told = dict(settings.options)
        unknown = sorted(map(str, told.keys() - set(cls.__slots__)))
        if unknown:
            raise ValueError(f"unknown option {', '.join(unknown)}; known: {', '.join(cls.__slots__)}")
        return cls(
            channels=_channels(told.get("channels", CHANNELS)),
            protection=_flag(told, "protection", True),
            local_port=_port(told.get("local_port", 0 if settings.address.is_here else None)),
            pause=_seconds(told, "pause", 0.0),
            grace=_seconds(told, "grace", 3.0),
            model=_model(told.get("model", "MP710508")),
            single_digits=_flag(told, "single_digits", False),
        )


def _channels(told: Any) -> tuple[int, ...]:
    chosen = numerals(told)
    fits = isinstance(chosen, list) and chosen and all(type(one) is int for one in chosen)
    if not fits or not set(chosen) <= set(CHANNELS) or len(set(chosen)) != len(chosen):
        raise ValueError(f"channels is {told!r}; some of 1, 2, 3, 4 were expected, each once")
    return tuple(chosen)


def _flag(told: Mapping[str, Any], name: str, default: bool) -> bool:
    found = told.get(name, default)
    if not isinstance(found, bool):
        raise ValueError(f"{name} is {found!r}; true or false was expected")
    return found


def _port(told: Any) -> int | None:
    told = numeral(told)
    if told is not None and (type(told) is not int or not 0 <= told <= _LARGEST_PORT):
        raise ValueError(f"local_port is {told!r}; a port was expected, 0 for any")
    return told


def _seconds(told: Mapping[str, Any], name: str, default: float) -> float:
    found = numeral(told.get(name, default))
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= _LONGEST:
        raise ValueError(f"{name} is {found!r}; seconds from 0 to {_LONGEST:g} were expected")
    return float(found)


def _model(told: Any) -> str:
    if not isinstance(told, str) or len(told.strip()) < 2:
        raise ValueError(f"model is {told!r}; how the answer to *IDN? begins was expected, such as MP710508")
    return told.strip()
