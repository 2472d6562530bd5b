"""What may be sent to an iMACRT module: questions, and nothing that would change anything."""

from __future__ import annotations

import re

from labmon_dagster.model.devices import SwitchingError

_QUERY = re.compile(r"\*IDN\??|(?:MMR3|MGC3|MRHT)GET (?:0|[1-9][0-9]{0,2})", re.ASCII)
_LONGEST_SHOWN = 60


def checked_query(text: str) -> str:
    r"""Give a question as it may be sent: ``*IDN?``, ``*IDN``, ``MMR3GET i``, ``MGC3GET i``, ``MRHTGET i``.

    A terminator (``\n`` or ``\r\n``) behind it is taken off. Raises SwitchingError for anything else.
    """
    query = text.removesuffix("\n").removesuffix("\r")
    if _QUERY.fullmatch(query):
        return query
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    raise SwitchingError(
        f"{shown!r} is no query, so it is not sent; allowed: *IDN?, *IDN, MMR3GET i, MGC3GET i, MRHTGET i"
    )
