"""Makes values of a supply's answers, by the forms that CPX and PL supplies were seen to give.

An answer of any other form is refused, with the form expected: so an answer to another question is known.
"""

from __future__ import annotations

import re

from labmon_dagster.model.devices import DeviceSettings, Heard, Said, Value
from labmon_dagster.sources.aim_tti.quantities import LIMITS, fields_of
from labmon_dagster.sources.aim_tti.queries import CONFIGURATION, LIMIT_STATUS, NAME, QUERIES
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.exchange import Exchange

_NUMBER = r"(?P<value>[+-]?[0-9]{1,12}(?:\.[0-9]{0,12})?)"
_TRIP = rf"(?:{_NUMBER}|(?P<off>OFF))"
_FORMS = {
    "V{n}?": (rf"V{{n}} +{_NUMBER}", "V{n} 5.00"),
    "OP{n}?": (r"(?P<value>[01])", "0 or 1"),
    "I{n}?": (rf"I{{n}} +{_NUMBER}", "I{n} 0.500"),
    "V{n}O?": (rf"{_NUMBER}V", "5.00V"),
    "OVP{n}?": (rf"(?:(?:VP|OVP){{n}} +)?{_TRIP}", "VP{n} 66.0 or 66.0"),
    "I{n}O?": (rf"{_NUMBER}A", "0.123A"),
    "OCP{n}?": (rf"(?:(?:CP|OCP){{n}} +)?{_TRIP}", "CP{n} 10.00 or 10.00"),
    LIMIT_STATUS: (r"(?P<value>[0-9]{1,3})", "a number up to 255"),
    NAME: (
        r"(?P<value>[^,]+, *CPX[^,]*,[^,]*,[^,]*)",
        "four texts between commas, the second of them a CPX",
    ),
    CONFIGURATION: (r"(?:CONFIG +)?(?P<value>[0-9]{1,3})", "a number"),
}
_LINE = re.compile(rb"([ -~]*)\r?\n")


def understand(heard: Heard, settings: DeviceSettings) -> Said:
    """Understand a poll. An answer that makes no sense is missing, with the reason.

    Raises ValueError for no record of questions, an unknown question, one asked twice, or no good answer.
    """
    if heard.form != exchange.FORM:
        raise ValueError(f"{heard.form!r} is no form of what a supply says, expected {exchange.FORM!r}")
    said = Said({}, {}, {})
    for one in _checked(exchange.parse(heard.payload)):
        said = _joined(said, _part(one))
    if not said.values:
        reasons = "; ".join(dict.fromkeys(said.missing.values()))
        raise ValueError(f"no answer of the supply makes sense: {reasons or 'it was asked nothing'}")
    return said


def answer_to(query: str, answer: bytes) -> Said:
    """Understand the answer to one query: a line with its end. Raises ValueError if it does not fit."""
    asked = QUERIES[query]
    pattern, expected = (text.replace("{n}", str(asked.output)) for text in _FORMS[asked.stem])
    found = re.fullmatch(pattern, _line(answer))
    if found is None:
        raise ValueError(f"{answer!r} is no answer to {query}, expected {expected}")
    fields = fields_of(query)
    if found.groupdict().get("off"):
        return Said({}, missing={field.name: "the protection is switched off" for field in fields})
    values = _values(asked.stem, found["value"])
    names = [field.name for field in fields]
    units = {field.name: field.unit for field in fields if field.unit}
    return Said(dict(zip(names, values, strict=True)), units)


def _checked(asked: list[Exchange]) -> list[Exchange]:
    seen = set()
    for one in asked:
        if one.asked not in QUERIES:
            raise ValueError(f"{one.asked!r} is no question that a supply is asked")
        if one.asked in seen:
            raise ValueError(f"{one.asked} was asked twice in one poll")
        seen.add(one.asked)
    return asked


def _values(stem: str, text: str) -> list[Value]:
    if stem == NAME:
        return [part.strip() for part in text.split(",")]
    if stem == LIMIT_STATUS:
        return _limits(int(text))
    if stem == CONFIGURATION:
        return [int(text)]
    return [text == "1"] if stem == "OP{n}?" else [float(text)]


def _limits(status: int) -> list[Value]:
    if status > 255:
        raise ValueError(f"{status} is no value of a limit event status register, expected up to 255")
    bits = [bool(status >> place & 1) for place in range(len(LIMITS))]
    names = [told for (_, told), there in zip(LIMITS, bits, strict=True) if there]
    names += [f"bit {place}" for place in range(len(LIMITS), 8) if status >> place & 1]
    return [status, "; ".join(names), *bits]


def _line(answer: bytes) -> str:
    found = _LINE.fullmatch(answer)
    if found is None:
        raise ValueError(f"{answer!r} is no line of printable characters")
    return found[1].decode("ascii").strip()


def _part(one: Exchange) -> Said:
    reason = one.error
    if reason is None:
        try:
            return answer_to(one.asked, one.answer or b"")
        except ValueError as error:
            reason = str(error)
    return Said({}, missing={field.name: reason for field in fields_of(one.asked)})


def _joined(one: Said, other: Said) -> Said:
    return Said(
        {**one.values, **other.values}, {**one.units, **other.units}, {**one.missing, **other.missing}
    )
