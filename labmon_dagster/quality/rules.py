"""Quality rules as they stand in YAML: which values of a field are doubtful, and which are wrong.

Everything that cannot be meant is refused while the YAML is loaded, in words that say what is allowed.
Fields have plain Python types only, so that the models may be nested in any other pydantic model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from labmon_dagster.quality.duration import nanoseconds


class _Part(BaseModel):
    """A piece of YAML that refuses unknown keys and keys without a value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _says_something(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            silent = [str(key) for key, value in given.items() if value is None]
            if silent:
                raise ValueError(f"{', '.join(silent)}: has no value; give one, or leave the key out")
        return given


class Range(_Part):
    """Closed spans ``[low, high]`` in the field's unit: outside ``suspect`` is 3, outside ``fail`` is 4."""

    fail: tuple[float, float] | None = None
    suspect: tuple[float, float] | None = None

    @field_validator("fail", "suspect", mode="before")
    @classmethod
    def _span(cls, given: Any) -> Any:
        if given is None:
            return None
        if not isinstance(given, (list, tuple)) or len(given) != 2:
            raise ValueError(f"a span is two numbers, [low, high], not {given!r}")
        low, high = (_number(end) for end in given)
        if low > high:
            raise ValueError(f"low is above high in [{low:g}, {high:g}]; write [low, high]")
        return low, high

    @model_validator(mode="after")
    def _nested(self) -> Range:
        _need_one(self.suspect, self.fail)
        if self.suspect and self.fail:
            inside = self.fail[0] <= self.suspect[0] and self.suspect[1] <= self.fail[1]
            if not inside:
                raise ValueError(
                    f"the suspect span {list(self.suspect)} must lie within the fail span {list(self.fail)}: "
                    "what is outside fail is wrong, what is outside suspect is only doubtful"
                )
        return self


class _Thresholds(_Part):
    """Two limits on a difference; the one for ``fail`` is the larger."""

    suspect: float | None = None
    fail: float | None = None

    @field_validator("suspect", "fail", mode="before")
    @classmethod
    def _threshold(cls, given: Any) -> Any:
        return None if given is None else _not_negative(given)

    @model_validator(mode="after")
    def _graded(self) -> _Thresholds:
        _need_one(self.suspect, self.fail)
        if self.suspect is not None and self.fail is not None and self.suspect >= self.fail:
            raise ValueError(f"suspect ({self.suspect:g}) must be smaller than fail ({self.fail:g})")
        return self


class Spike(_Thresholds):
    """Limits on ``|x - mean of both neighbours|`` in the field's unit; above them is 3 or 4.

    A neighbour farther away in time than ``within`` does not count: the test is then not evaluated.
    """

    within: str

    @field_validator("within", mode="before")
    @classmethod
    def _duration(cls, given: Any) -> str:
        return _duration(given)


class RateOfChange(_Thresholds):
    """Limits on ``|x - previous x|`` in the field's unit per ``per``; above them is 3 or 4.

    A previous row farther away in time than ``within`` does not count: the test is then not evaluated.
    """

    within: str
    per: str = "1s"

    @field_validator("within", "per", mode="before")
    @classmethod
    def _duration(cls, given: Any) -> str:
        return _duration(given)


class FlatLine(_Part):
    """Lengths of time in which values must differ by more than ``tolerance``; else they are 3 or 4."""

    tolerance: float = 0.0
    suspect: str | None = None
    fail: str | None = None

    @field_validator("tolerance", mode="before")
    @classmethod
    def _tolerance(cls, given: Any) -> float:
        return _not_negative(given)

    @field_validator("suspect", "fail", mode="before")
    @classmethod
    def _duration(cls, given: Any) -> Any:
        return None if given is None else _duration(given)

    @model_validator(mode="after")
    def _graded(self) -> FlatLine:
        _need_one(self.suspect, self.fail)
        if self.suspect and self.fail and nanoseconds(self.suspect) >= nanoseconds(self.fail):
            raise ValueError(f"suspect ({self.suspect}) must be a shorter time than fail ({self.fail})")
        return self


class FieldRules(_Part):
    """What is tested on one field, and what happens to values that fail.

    ``where``: the tags, with their text, of the series that the rule is for; empty for all. ``sentinels``
    are numbers an instrument writes in place of a value (4). ``on_fail: omit`` leaves values out of the
    store that are sentinels or outside ``range.fail``. It does not act on the tests against neighbours:
    their verdict may change when the next row comes, and a value left out could not come back.
    """

    where: Mapping[str, str] = {}
    sentinels: Sequence[float] = ()
    range: Range | None = None
    spike: Spike | None = None
    rate_of_change: RateOfChange | None = None
    flat_line: FlatLine | None = None
    on_fail: Literal["keep", "omit"] = "keep"

    @field_validator("sentinels", mode="before")
    @classmethod
    def _distinct(cls, given: Any) -> tuple[float, ...]:
        if not isinstance(given, (list, tuple)):
            raise ValueError(f"sentinels is a list of numbers, as in [7999, -7999], not {given!r}")
        numbers = tuple(_number(each) for each in given)
        twice = sorted({each for each in numbers if numbers.count(each) > 1})
        if twice:
            raise ValueError(f"sentinels: {', '.join(f'{each:g}' for each in twice)} stands there twice")
        return numbers

    @field_validator("sentinels", mode="after")
    @classmethod
    def _unchanging(cls, given: Sequence[float]) -> Sequence[float]:
        return tuple(given)

    @model_validator(mode="after")
    def _tests_something(self) -> FieldRules:
        tests = (self.sentinels, self.range, self.spike, self.rate_of_change, self.flat_line)
        if not any(tests):
            raise ValueError(
                "no test is named; give one or more of sentinels, range, spike, rate_of_change, flat_line"
            )
        if self.on_fail == "omit" and not self.sentinels and not (self.range and self.range.fail):
            raise ValueError(
                "on_fail: omit needs sentinels or range.fail, the only failures it acts on: a test against "
                "neighbours may change its mind when the next row comes, and a value left out could not "
                "come back"
            )
        return self

    def fits(self, tags: Mapping[str, str]) -> bool:
        """Whether the rule is for the series with these tags; an absent tag is ''."""
        return all(tags.get(tag, "") == text for tag, text in self.where.items())


def _number(given: Any) -> float:
    """Accept a finite number; text such as 1e3 counts, as YAML reads that as text."""
    try:
        number = float(given) if isinstance(given, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(given, bool) or not math.isfinite(number):
        raise ValueError(f"{given!r} is not allowed here; give a finite number")
    return number


def _not_negative(given: Any) -> float:
    number = _number(given)
    if number < 0:
        raise ValueError(f"{number:g} is below zero; give zero or a positive number")
    return number


def _duration(given: Any) -> str:
    nanoseconds(given)
    return str(given)


def _need_one(suspect: object, fail: object) -> None:
    if suspect is None and fail is None:
        raise ValueError("neither suspect nor fail is given; give one of them or both")
