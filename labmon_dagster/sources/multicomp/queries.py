"""What an MP710508 is asked, and the gate that nothing but a query passes."""

from __future__ import annotations

import re

from labmon_dagster.model.devices import SwitchingError
from labmon_dagster.sources.multicomp.options import Options
from labmon_dagster.sources.multicomp.quantities import LIMITS, NUMBERS, SWITCHES

NAME = "*IDN?"
STATUS = "STATUS?"
_QUERY = re.compile(r"\*IDN\?|STATUS\?|(VSET|ISET|VOUT|IOUT|OVPSET|OCPSET|OVP|OCP)[1-4]\?")


def checked_query(query: str) -> str:
    """Give a query back. Raises SwitchingError for all that is none, before anything is sent."""
    if not _QUERY.fullmatch(query):
        raise SwitchingError(
            f"{query!r} is no query of an MP710508, and is not sent: labmon reads supplies, it never "
            "switches them"
        )
    return query


def queries(options: Options) -> list[str]:
    """Give the queries of one poll.

    ``STATUS?`` is the first: its one byte has no form of its own, so it stands where only the name precedes.
    """
    per_channel = [
        *NUMBERS,
        *(LIMITS if options.protection else ()),
        *(SWITCHES if options.protection else ()),
    ]
    asked = [f"{word}{channel}?" for channel in options.channels for word in per_channel]
    return [checked_query(query) for query in (STATUS, *asked)]
