"""The words of line protocol: names, tags, values and instants, and what is wrong with others."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from labmon_dagster.model import ORDER, PLACE, TIME, FieldType

Value = int | float | bool | str
SMALLEST, LARGEST = -(2**63), 2**63 - 1
TRUE, FALSE = ("t", "T", "true", "True", "TRUE"), ("f", "F", "false", "False", "FALSE")
_ESCAPED = r"\\+[^\\\x00-\x1f\x7f]"
_NAME = re.compile(rf"(?:[^\x00-\x20\x7f\\,]|{_ESCAPED})+")
KEY = re.compile(rf"(?:[^\x00-\x20\x7f\\,=]|{_ESCAPED})+")
_FLOAT = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_ALLOWED = 'allowed: 1.5, 1i, 1u, t, f, true, false, "text"'
_TAKEN = (TIME, ORDER, PLACE)


class WrongError(ValueError):
    """A text is no point: what is wrong, and at which of its characters (counted from 0)."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at


@dataclass(frozen=True)
class Series:
    """The beginning of a line: measurement and tags, these sorted by name."""

    measurement: str
    tags: tuple[tuple[str, str], ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the tags."""
        return tuple(name for name, _ in self.tags)


@lru_cache(maxsize=100_000)
def series(text: str) -> Series:
    """Understand measurement and tags. Raises WrongError."""
    found = _NAME.match(text)
    if found is None or text.startswith("#"):
        raise WrongError(0, f"no measurement: {_unfit(text, 0)}")
    tags: dict[str, str] = {}
    at = found.end()
    while at < len(text):
        if text[at] != ",":
            raise WrongError(at, _unfit(text, at))
        name, start = key(text, at + 1, "tag")
        value = KEY.match(text, start)
        if value is None:
            raise WrongError(start, f"tag {name!r} has no value")
        if name in tags:
            raise WrongError(at + 1, f"tag {name!r} stands twice")
        tags[name] = _plain(value[0], ",= ")
        at = value.end()
    return Series(_plain(found[0], ", "), tuple(sorted(tags.items())))


def key(text: str, at: int, what: str) -> tuple[str, int]:
    """Understand the name of a tag or field (``what``) and the = behind it; give also where that ends.

    Raises WrongError.
    """
    found = KEY.match(text, at)
    if found is None:
        raise WrongError(at, f"no name of a {what}: {_unfit(text, at)}")
    if not text.startswith("=", found.end()):
        raise WrongError(found.end(), f"{what} {found[0]!r}: = and a value are missing")
    name = _plain(found[0], ",= ")
    if name in _TAKEN:
        raise WrongError(at, f"no {what} may be called {name!r}: labmon has a column of this name")
    return name, found.end() + 1


def value(text: str, at: int) -> tuple[FieldType, Value]:
    """Understand a value without quotes; ``at`` is where it stands. Raises WrongError."""
    if text in TRUE or text in FALSE:
        return FieldType.BOOLEAN, text in TRUE
    if text[-1:] in {"i", "u"} and _WHOLE.fullmatch(text, 0, len(text) - 1):
        return FieldType.INTEGER, _integer(text, at)
    if not _FLOAT.fullmatch(text):
        raise WrongError(at, f"{text!r} is no value; {_ALLOWED}" if text else f"no value; {_ALLOWED}")
    number = float(text)
    if math.isinf(number):
        raise WrongError(at, f"{text} is larger than any 64-bit float")
    return FieldType.FLOAT, number


def _integer(text: str, at: int) -> int:
    number = int(text[:-1])
    if text.endswith("u") and text.startswith("-"):
        raise WrongError(at, f"{text}: what ends in u has no sign")
    if not SMALLEST <= number <= LARGEST:
        raise WrongError(at, f"{text} does not fit 64 bits; allowed: {SMALLEST}i to {LARGEST}i")
    return number


def instant(text: str, at: int, unit: int) -> int:
    """Understand a time stamp in units of ``unit`` ns; give ns. Raises WrongError."""
    if not _WHOLE.fullmatch(text):
        raise WrongError(at, f"{text!r} is no time stamp; a whole number is, without letters")
    ns = int(text) * unit
    if not SMALLEST <= ns <= LARGEST:
        raise WrongError(at, f"time stamp {text} lies outside the years 1677 to 2262; is it in another unit?")
    return ns


def _plain(text: str, escaped: str) -> str:
    """Take the backslashes out that stand before what they must stand before."""
    return re.sub(rf"\\([{escaped}])", r"\1", text) if "\\" in text else text


def _unfit(text: str, at: int) -> str:
    return f"{text[at]!r} cannot stand here" if at < len(text) else "the line ends here"
