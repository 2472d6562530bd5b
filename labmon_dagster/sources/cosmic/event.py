"""One event as text: JSON, or as the detectors write it, opened by ``[`` and closed by ``}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from labmon_dagster.sources.cosmic import strict
from labmon_dagster.sources.cosmic.formats import FORMATS, Typed, as_far_as_typed, typed

_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"
_JSON = msgspec.json.Decoder()
_CANONICAL = msgspec.json.Encoder(order="deterministic")
_WHOLE = "a whole number of 64 bits"
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was read. ``raw`` has all of its keys in their order.

    ``format`` is None where the key ``Format`` holds no whole number. ``number`` is EventNumber. ``digest``:
    16 hex digits over the content, whatever the order of keys and the white space. ``typed`` is None for an
    unknown format; ``wrong`` says of its keys which have a value of another type, and which.
    """

    raw: dict[str, Any]
    format: int | None
    detector: int
    run: int
    number: int
    digest: str
    typed: Typed | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)


def read_event(text: bytes, detector: int | None = None) -> Event:
    """Read one event. ``detector``: who sent it, taken where DetectorId is absent or null.

    Raises ValueError, with the key and what is allowed, for what is no JSON, has a key twice or an integer
    beyond 64 bits, or lacks one of the numbers that identify an event. Values of other types raise nothing.
    """
    json = repaired(text)
    raw, canonical = _object(json)
    number = raw.get("Format")
    form = number if type(number) is int else None
    known, wrong = _typed(json, raw, form)
    sent_by = raw.get("DetectorId")
    return Event(
        raw,
        form,
        _whole("DetectorId", detector if sent_by is None else sent_by),
        _whole("RunNumber", raw.get("RunNumber")),
        _whole("EventNumber", raw.get("EventNumber")),
        blake2b(canonical, digest_size=8).hexdigest(),
        known,
        wrong,
    )


def repaired(text: bytes) -> bytes:
    """Give the JSON of an event. Raises ValueError for a text that neither ``[…}`` nor ``{…}`` encloses."""
    if text[:1] not in (b"[", b"{") or text[-1:] != b"}":
        text = text.removeprefix(_MARK).strip(_BLANK)
        if text[:1] not in (b"[", b"{") or text[-1:] != b"}":
            shown = f"{text[:1]!r} and closes with {text[-1:]!r}" if text else "nothing"
            raise ValueError(f"no event: it opens with {shown}; allowed: [ or {{, and }} at its end")
    return text if text[0] == 123 else b"{" + text[1:]


def _object(json: bytes) -> tuple[dict[str, Any], bytes]:
    """Give an object, and the text of it that is the same for every order of its keys."""
    try:
        raw: dict[str, Any] = _JSON.decode(json)
        canonical = strict.checked(json, raw, _CANONICAL.encode)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(strict.why_not_read(json, error)) from None
    return raw, canonical


def _typed(json: bytes, raw: dict[str, Any], form: int | None) -> tuple[Typed | None, Mapping[str, str]]:
    if form is None or form not in FORMATS:
        return None, _NOTHING
    try:
        return typed(json, form), _NOTHING
    except msgspec.ValidationError:
        return as_far_as_typed(raw, form)


def _shown(value: object) -> str:
    return ascii(value)[:80] if isinstance(value, str | float | bool) else f"a {type(value).__name__}"


def _whole(key: str, value: object) -> int:
    if type(value) is int and _LOWEST <= value <= _HIGHEST:
        return value
    if value is None:
        raise ValueError(f"{key} is missing or null; allowed: {_WHOLE}")
    raise ValueError(f"{key} is {_shown(value)}; allowed: {_WHOLE}")
