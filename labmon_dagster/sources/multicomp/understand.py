"""The answers of an MP710508, understood."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from labmon_dagster.model.devices import DeviceSettings, Heard, Said, Value
from labmon_dagster.sources.multicomp.options import Options
from labmon_dagster.sources.multicomp.quantities import IDENTITY, LIMITS, NUMBERS, SWITCHES
from labmon_dagster.sources.multicomp.queries import NAME, STATUS, queries
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.exchange import Exchange

_NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NONE = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_SWITCH = {b"0": False, b"1": True, b"OFF": False, b"ON": True}
_UNITS = {word: (name, unit) for word, (name, unit, _) in (NUMBERS | LIMITS).items()}
_BLANKS = b" \t\r\n\0"


def understand(heard: Heard, settings: DeviceSettings) -> Said:
    """Make values of a poll.

    Raises ValueError for what is no record of one, or does not begin with the name of such a supply. An
    answer that cannot be read is ``missing``, with its bytes in the reason; so is one that did not come.
    """
    if heard.form != exchange.FORM or heard.trouble:
        raise ValueError(heard.trouble or f"no poll of a supply: its form is {heard.form!r}")
    options = Options.of(settings)
    first, *rest = exchange.parse(heard.payload) or [exchange.failed(NAME, "nothing was asked")]
    _expected([one.asked for one in rest], options)
    reading = _Reading(options, {IDENTITY: _identity(first, options)})
    for one in rest:
        reading.take(one)
    return Said(reading.values, reading.units, reading.missing)


def _expected(asked: list[str], options: Options) -> None:
    known = queries(Options(protection=True))
    strange = [query for query in asked if query not in known]
    if strange or len(set(asked)) != len(asked):
        raise ValueError(f"not the questions of one poll: {', '.join(strange) or 'some stand twice'}")


def _identity(first: Exchange, options: Options) -> str:
    answer = _answer(first) or b""
    model = options.model.upper().encode()
    found = answer.strip().upper()
    if first.asked != NAME or not found.startswith(model) or found.count(model) != 1:
        raise ValueError(
            f"{first.asked}: {answer!r} came, one name beginning with {options.model} was expected"
        )
    try:
        return answer.strip(_BLANKS).decode()
    except UnicodeDecodeError:
        raise ValueError(f"{NAME}: {answer!r} came, which is no text") from None


def _answer(one: Exchange) -> bytes | None:
    try:
        return one.answer
    except ValueError as error:
        raise ValueError(f"{one.asked}: its bytes are no base64: {error}") from error


@dataclass
class _Reading:
    """The values of one poll, in the making."""

    options: Options
    values: dict[str, Value]
    units: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def take(self, one: Exchange) -> None:
        """Understand one answer, or note why not."""
        answer = _answer(one)
        if one.asked == STATUS:
            self._status(one, answer)
            return
        word, channel = one.asked[:-2], one.asked[-2]
        if word in _UNITS:
            name, unit = _UNITS[word]
            self._one(f"{name}_{channel}", one, answer, self._number, unit)
        else:
            self._one(f"{SWITCHES[word][0]}_{channel}", one, answer, _switch, "")

    def _one(
        self, name: str, one: Exchange, answer: bytes | None, read: Callable[[bytes], Value], unit: str
    ) -> None:
        try:
            if answer is None:
                raise ValueError(one.error or "no answer")
            self.values[name] = read(answer)
        except ValueError as error:
            self.missing[name] = f"{one.asked} {error}"
        if unit and name in self.values:
            self.units[name] = unit

    def _status(self, one: Exchange, answer: bytes | None) -> None:
        for channel in self.options.channels:
            if answer is not None and len(answer) == 1:
                self.values[f"mode_{channel}"] = "CV" if answer[0] >> (channel - 1) & 1 else "CC"
                self.values[f"output_{channel}"] = bool(answer[0] >> (channel + 3) & 1)
                continue
            reason = one.error or f"{answer!r} came, one byte was expected"
            self.missing |= {f"{name}_{channel}": f"{one.asked} {reason}" for name in ("mode", "output")}

    def _number(self, answer: bytes) -> float:
        text = answer.strip(_BLANKS)
        if len(answer) == 1 and not self.options.single_digits:
            raise ValueError(f"{answer!r} came, which may be a late status; see the option single_digits")
        if _NONE.fullmatch(text):
            raise ValueError(f"{answer!r} came, which is no finite number")
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            raise ValueError(f"{answer!r} came, a number was expected")
        return float(text)


def _switch(answer: bytes) -> bool:
    found = _SWITCH.get(answer.strip(_BLANKS).upper())
    if found is None:
        raise ValueError(f"{answer!r} came, 0 or 1 was expected")
    return found
