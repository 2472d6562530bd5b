"""The page of a device, understood."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

from labmon_dagster.model.devices import DeviceSettings, Heard, Said
from labmon_dagster.model.measurement import Field
from labmon_dagster.sources.device_page.numbers import shown
from labmon_dagster.sources.device_page.pairs import Pair, pairs
from labmon_dagster.sources.wire import declared, web
from labmon_dagster.sources.wire.declared import Declared, Gathering

FORM = "page"
_KNOWN = (*declared.OPTIONS, *web.OPTIONS, "decimal", "encoding", "end", "largest")
_NOT_OF_PAGES = {"unicode-escape", "raw-unicode-escape", "utf-7", "idna", "punycode"}
_LARGEST = 1 << 20  # bytes; more is never read
_TEXTS = ("decimal", "encoding", "end")


@dataclass(frozen=True, slots=True)
class Options:
    """``decimal``: the decimal sign. ``encoding`` of the page. ``end``: what only a whole page contains.

    ``largest``: bytes of a page that are read.
    """

    decimal: str = "."
    encoding: str = "utf-8"
    end: str = "</html>"
    largest: int = 256 * 1024

    @classmethod
    def of(cls, settings: DeviceSettings) -> Options:
        """Read the options of a device. Raises ValueError, which says what is wrong."""
        declared.refuse_unknown(settings, _KNOWN)
        told = {name: settings.options[name] for name in cls.__slots__ if name in settings.options}
        if not all(isinstance(told.get(name, ""), str) for name in _TEXTS):
            raise ValueError("decimal, encoding and end are texts")
        options = cls(**told)
        if options.decimal not in {".", ","}:
            raise ValueError(f"decimal is {options.decimal!r}; '.' or ',' was expected")
        _check_encoding(options.encoding)
        _check_largest(options.largest)
        return options


def _check_encoding(name: str) -> None:
    wrong = f"encoding is {name!r}; such as utf-8 or latin-1 was expected"
    try:
        "A".encode(name)
        known = codecs.lookup(name).name.replace("_", "-")
    except (LookupError, UnicodeError, ValueError) as error:
        raise ValueError(wrong) from error
    if known in _NOT_OF_PAGES:  # they make halves of characters, or texts of any length
        raise ValueError(wrong)


def _check_largest(number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= _LARGEST:
        raise ValueError(f"largest is {number!r}; bytes, from 1 to {_LARGEST}, were expected")


def understanding(defaults: tuple[Field, ...]) -> Callable[[Heard, DeviceSettings], Said]:
    """Give how a page of these quantities is understood."""

    def understand(heard: Heard, settings: DeviceSettings) -> Said:
        """Make values of a page. Raises ValueError for one cut short, doubled, or without any quantity."""
        if heard.form != FORM or heard.trouble:
            raise ValueError(heard.trouble or f"no page: its form is {heard.form!r}")
        options = Options.of(settings)
        gathering = Gathering(Declared.of(settings, defaults))
        found = pairs(_text(heard.payload, options))
        unnamed = [[one.name, one.text] for one in found if not _take(one, gathering, options)]
        return gathering.said({"_unnamed": unnamed} if unnamed else {})

    return understand


def _text(payload: bytes, options: Options) -> str:
    """Give a page up to its end."""
    if len(payload) > options.largest:
        raise ValueError(
            f"a page of {len(payload)} bytes; no more than {options.largest} are read, see the option largest"
        )
    try:
        text = payload.decode(options.encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"the page is no {options.encoding} ({error}); see the option encoding") from error
    if not options.end:
        return text
    ends = [found.end() for found in re.finditer(re.escape(options.end), text, re.IGNORECASE)]
    if len(ends) != 1:
        raise ValueError(
            f"{options.end} stands {len(ends)} times in the page; once was expected, see the option end"
        )
    return text[: ends[0]]


def _take(pair: Pair, gathering: Gathering, options: Options) -> bool:
    """Take a pair; whether it has a name that can be used."""
    theirs = pair.whole if pair.whole in gathering.declared.names else pair.name
    try:
        gathering.declared.name(theirs)
    except ValueError:
        return False
    ours = gathering.named(theirs)
    if ours is None:
        return True
    field = gathering.declared.fields.get(ours)
    try:
        if pair.odd:
            raise ValueError(pair.odd)
        value, unit = shown(pair.text, pair.unit, field.type if field else None, options.decimal)
    except ValueError as error:
        gathering.missing[ours] = str(error)
        return True
    gathering.put(ours, value, unit)
    return True
