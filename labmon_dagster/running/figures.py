"""What has come of the lab since it was started: rows in the store, and runs that failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from labmon_dagster.lookup import NothingStoredError, existing_any
from labmon_dagster.settings import OWN_STORES, StoreKey
from labmon_dagster.stores import LedgerRow

_Rows: TypeAlias = Mapping[tuple[StoreKey, str, date], LedgerRow]
_FIRST_PAUSE, _PAUSE = 1.0, 10.0


@dataclass(frozen=True, slots=True)
class Figures:
    """``rows`` and ``assets`` of this start, all ``rows_in_store``, the newest time in one (UTC ns).

    ``trouble``: why there are none, or none of one of the stores.
    """

    rows: int = 0
    assets: tuple[str, ...] = ()
    rows_in_store: int = 0
    newest: int | None = None
    failed_runs: int | None = None
    trouble: str = ""


class Books:
    """The ledgers of some stores, compared with what they were when first looked at. ``since``: UTC ns."""

    def __init__(self, since: int, stores: Sequence[StoreKey] = OWN_STORES) -> None:
        self.since = since
        self._stores = stores
        self._before: dict[tuple[StoreKey, str, date], int] = {}
        self._rows: dict[StoreKey, _Rows] = {}

    def look(self, failed_runs: int | None = None) -> Figures:
        """Read the ledgers, and give what they say now; of a store that is away, what it said last.

        Raises what the first of them raises if none can be read.
        """
        errors = [error for store in self._stores if (error := self._read(store))]
        if len(errors) == len(self._stores):
            raise errors[0]
        rows = {key: row for told in self._rows.values() for key, row in told.items()}
        added = {key: row.in_store - self._before.get(key, 0) for key, row in rows.items()}
        return Figures(
            rows=sum(number for number in added.values() if number > 0),
            assets=tuple(sorted({asset for (_, asset, _), number in added.items() if number > 0})),
            rows_in_store=sum(row.in_store for row in rows.values()),
            newest=max((row.last for row in rows.values() if row.last is not None), default=None),
            failed_runs=failed_runs,
            trouble="; ".join(f"{type(error).__name__}: {error}" for error in errors),
        )

    def _at_start(self, row: LedgerRow) -> int:
        return row.in_store - (row.counts.stored if row.written >= self.since else 0)

    def _read(self, store: StoreKey) -> Exception | None:
        """Note what a store's ledgers say; give what hinders it."""
        try:
            told = _ledgers(store)
        except Exception as error:  # whatever a store may raise: the others have figures
            return error
        if store not in self._rows:
            self._before |= {key: self._at_start(row) for key, row in told.items()}
        self._rows[store] = told
        return None


def _ledgers(key: StoreKey) -> _Rows:
    try:
        store = existing_any(key)
    except NothingStoredError:
        return {}
    with closing(store):
        return {
            (key, asset, day): row for asset in store.assets() for day, row in store.ledger(asset).items()
        }


class Reporter:
    """Keeps the figures fresh in a thread of its own: a store far away must not delay Ctrl-C."""

    def __init__(self, books: Books, failed_runs: Callable[[], int | None]) -> None:
        self.latest = Figures()
        self._books = books
        self._failed_runs = failed_runs
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="figures", daemon=True).start()

    def _run(self) -> None:
        while not self._ended.wait(_PAUSE if self.latest.rows else _FIRST_PAUSE):
            try:
                self.latest = self._books.look(self._failed_runs())
            except Exception as error:  # whatever a store or the webserver may raise: it is shown
                self.latest = Figures(trouble=f"{type(error).__name__}: {error}")

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()
