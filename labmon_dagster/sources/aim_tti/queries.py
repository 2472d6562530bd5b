"""What a supply is asked, and nothing else: queries that leave everything in it as it is.

``EER?``, ``QER?`` and ``*ESR?`` are not among them: these registers are cleared when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labmon_dagster.model.devices import DeviceSettings, SwitchingError
from labmon_dagster.sources.wire.numerals import numerals

OUTPUTS = (1, 2)
LIMIT_STATUS = "LSR{n}?"
NAME = "*IDN?"
CONFIGURATION = "CONFIG?"
STEMS = ("V{n}?", "OP{n}?", "I{n}?", "V{n}O?", "OVP{n}?", "I{n}O?", "OCP{n}?", LIMIT_STATUS)
"""Queries of an output in the order they are asked: no answer could be one to the query before it."""

_CLEARING = {"EER?", "QER?", "*ESR?"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query by its stem, and the output it is about (0: the whole supply)."""

    stem: str
    output: int = 0


QUERIES: Mapping[str, Query] = {
    **{stem.format(n=n): Query(stem, n) for n in OUTPUTS for stem in STEMS},
    NAME: Query(NAME),
    CONFIGURATION: Query(CONFIGURATION),
}
"""All that may be sent."""


@dataclass(frozen=True, slots=True)
class Options:
    """``outputs`` that are asked for; ``limit_status``: whether LSR is."""

    outputs: tuple[int, ...]
    limit_status: bool


def checked_query(command: str) -> str:
    """Give a query back if it may be sent. Raises SwitchingError for anything else."""
    if command in QUERIES:
        return command
    if command in _CLEARING:
        raise SwitchingError(f"{command} is not sent: it clears a register of the supply")
    raise SwitchingError(f"{command!r} is not sent: a supply is only asked {', '.join(QUERIES)}")


def queries(options: Options) -> tuple[str, ...]:
    """Give the queries of one poll, in their order."""
    stems = [stem for stem in STEMS if options.limit_status or stem != LIMIT_STATUS]
    return (*(stem.format(n=n) for n in options.outputs for stem in stems), NAME, CONFIGURATION)


def options_of(settings: DeviceSettings) -> Options:
    """Understand the options. Raises ValueError for those that make no sense."""
    if unknown := sorted(map(str, settings.options.keys() - {"outputs", "limit_status"})):
        raise ValueError(f"a supply has no option {', '.join(unknown)}; it has outputs and limit_status")
    outputs = settings.options.get("outputs", list(OUTPUTS))
    chosen = numerals(outputs)
    whole = isinstance(chosen, list) and all(type(one) is int for one in chosen)
    if not whole or tuple(chosen) not in {(1,), (2,), OUTPUTS}:
        raise ValueError(f"outputs is {outputs!r}, expected [1], [2] or [1, 2]")
    limit_status = settings.options.get("limit_status", True)
    if not isinstance(limit_status, bool):
        raise ValueError(f"limit_status is {limit_status!r}, expected true or false")
    return Options(tuple(chosen), limit_status)


def check(settings: DeviceSettings) -> None:
    """Raise ValueError for options or an address that make no sense."""
    options_of(settings)
    if settings.address.path not in {"", "/"}:
        raise ValueError(f"address {settings.address}: a supply has no path; write tcp://192.168.44.80")
