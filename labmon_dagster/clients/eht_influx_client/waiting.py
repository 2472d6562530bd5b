"""What of a station log waits for which server, asked of the log and of the servers' ledgers."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

from labmon_dagster import settings
from labmon_dagster.clients.eht_influx_client.config import Settings
from labmon_dagster.clients.eht_influx_client.delivery import FIRST_DAY, destinations
from labmon_dagster.journal import Journal
from labmon_dagster.station_log.delivery import open_deliverer
from labmon_dagster.stores import LedgerError, StoreError


@dataclass(frozen=True, slots=True)
class Standing:
    """How one server stands: UTC days and bytes of the log that wait; None where it cannot be asked."""

    server: str
    address: str
    days: int | None
    size: int | None
    trouble: str = ""


def standings(station: Settings) -> list[Standing]:
    """Ask every server once; nothing is written. Raises ValueError as `destinations` does."""
    journal = Journal(station.log or settings.journal_root(), station.asset)
    found = []
    for to in destinations(station):
        place = f"{to.target.base}/{to.target.database}"
        at_once = replace(to, target=replace(to.target, patience=0.0))
        deliverer = open_deliverer(journal, at_once, FIRST_DAY)
        with closing(deliverer.store) as store:
            try:
                waiting = deliverer.waiting(store.ledger(to.asset))
            except (StoreError, LedgerError) as error:
                found.append(Standing(to.name, place, None, None, str(error)))
            else:
                found.append(Standing(to.name, place, len(waiting), sum(waiting.values())))
    return found
