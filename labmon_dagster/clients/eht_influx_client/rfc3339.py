"""Times as text: RFC 3339 from and to ns since 1970, exactly."""

from __future__ import annotations

import re

_FULL = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FORM = "write 2021-04-06T01:29:09.204824064Z, with T, seconds and Z or +hh:mm"


def to_rfc3339(ns: int) -> str:
    """Write an instant (ns since 1970, UTC) as RFC 3339 with nine digits: 2021-04-06T01:29:09.204824064Z.

    RFC 3339 is the narrow form of ISO 8601 that programs exchange, and nearly every text of it is ISO 8601:

    ===============================  ============  =============
    text                             ISO 8601      RFC 3339
    ===============================  ============  =============
    2021-04-06T01:29:09Z             yes           yes
    2021-04-06T01:29:09 (no zone)    yes, local    no
    2021-04-06, 01:29 (a part)       yes           no
    20210406T012909Z (no dashes)     yes           no
    2021-W14-2, 2021-096, P1D        yes           no
    2021-04-06T01:29:09,5Z (comma)   yes           no
    2021-04-06T24:00:00Z             yes           no
    2021-04-06 01:29:09Z (a space)   no            yes
    2021-04-06T01:29:09-00:00        no            yes: UTC, place unknown
    ===============================  ============  =============

    Raises TypeError for what is no whole number (a float cannot hold ns: take `time.time_ns()`), ValueError
    for a number that 64 bits cannot hold.
    """
    from labmon_dagster.clients.eht_influx_client.instants import checked, whole
    from labmon_dagster.model.window import instant_text

    return instant_text(checked(whole(ns)))


def from_rfc3339(text: str) -> int:
    """Give the instant of an RFC 3339 text as ns since 1970 (UTC): at most nine digits, none is lost.

    `to_rfc3339` shows what ISO 8601 has beyond that. Raises ValueError for any other text, among them one
    without a zone, one with more than nine digits and a leap second (ns since 1970 have no number for it),
    and for years outside 1677 to 2262, which 64 bits of ns cannot hold.
    """
    from labmon_dagster.clients.eht_influx_client.instants import text_ns

    if not _FULL.fullmatch(text):
        raise ValueError(f"{text!r} is no RFC 3339 time; {_FORM}")
    return text_ns(text)
