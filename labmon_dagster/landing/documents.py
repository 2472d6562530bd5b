"""From a source's documents to a store: judge, write, count; then the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import polars as pl

from labmon_dagster.landing.document_first import judge_first
from labmon_dagster.landing.document_judge import ID, Judged, content_of, judge
from labmon_dagster.landing.document_pieces import DocumentPieces
from labmon_dagster.landing.garbage import searched_seldom
from labmon_dagster.landing.lander import Delivery, Lander, in_the_end
from labmon_dagster.landing.merge import FATE, STORED
from labmon_dagster.landing.tally import Tallies
from labmon_dagster.model import Mark, Position, Reject, Window
from labmon_dagster.model.documents import Document, DocumentBatch, Documents
from labmon_dagster.model.window import DAY, day_number, day_of
from labmon_dagster.stores.base import READ, owner_of
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.ledger import LedgerRow


class DocumentLanding(Lander):
    """Lands one delivery of documents, whose ``measurement`` is the collection. ``now``: UTC ns."""

    store: DocumentStore

    def __init__(self, store: DocumentStore, delivery: Delivery, now: int | None = None) -> None:
        super().__init__(
            store, delivery, time.time_ns() if now is None else now, Tallies(delivery.filed, timed=False)
        )
        about = (delivery.asset, delivery.measurement, delivery.run, self.now)
        self._pieces = DocumentPieces(*about, by_receipt=delivery.by_receipt)
        self._indexed = False

    def land(self, documents: Documents) -> dict[date, LedgerRow]:
        """Store what in ``documents`` belongs to the delivery's days; give the ledger rows written.

        Raises LedgerError when documents were lost or counted twice: the ledger then stays as it was,
        and the days will be read again.
        """
        if self.delivery.replace:
            self._remove()
        reached: dict[str, Mark] = {}
        with searched_seldom():
            return self._in_turn(
                documents.batches,
                lambda batch: self._land(batch, reached),
                lambda: self._enter(reached, documents.trouble),
            )

    def _land(self, batch: DocumentBatch, reached: dict[str, Mark]) -> None:
        if batch.collection != self.delivery.measurement:
            raise ValueError(
                f"{self.delivery.asset} delivers to {self.delivery.measurement}, "
                f"but its source gave documents for {batch.collection}"
            )
        first, last = self.delivery.days[0], self.delivery.days[-1]
        rejects = [reject for reject in batch.rejects if first <= reject.day <= last]
        inside, outside = self._parted(batch.documents)
        days = pl.Series([self._filed(one) for one in inside], dtype=pl.Int64)
        self._tallies.read(days, (reject.day for reject in rejects))
        self.store.quarantine(self._pieces.unreadable(rejects))
        self._tallies.quarantined(reject.day for reject in rejects)
        self._store(inside)
        if outside or len(rejects) < len(batch.rejects):
            self._beyond(batch, outside, reached)
        self._passed(batch, reached)

    def _parted(self, documents: Iterable[Document]) -> tuple[list[Document], list[Document]]:
        """Part the documents of the delivery's days from the others."""
        first, last = day_number(self.delivery.days[0]), day_number(self.delivery.days[-1])
        inside: list[Document] = []
        outside: list[Document] = []
        for one in documents:
            (inside if first <= self._filed(one) <= last else outside).append(one)
        return inside, outside

    def _filed(self, one: Document | Kept) -> int:
        """Give the day a document is filed under, in days since 1970."""
        return one.order if self.delivery.by_receipt else one.time // DAY

    def _beyond(self, batch: DocumentBatch, documents: Sequence[Document], reached: Position) -> None:
        """Note the days that are not being read but of which ``batch`` holds something."""
        days = self.delivery.days
        rejects = [reject for reject in batch.rejects if not days[0] <= reject.day <= days[-1]]
        numbers = {self._filed(one) for one in documents}
        met = {day_of(number * DAY) for number in numbers} | {reject.day for reject in rejects}
        self._check_filed(met, batch.stream)
        doubtful = self._book.doubtful(met, batch)
        known = {day_number(day) for day in doubtful}
        news = self._news_among(
            [one for one in documents if self._filed(one) in known],
            [reject for reject in rejects if reject.day in doubtful],
        )
        self._book.beyond(met - (doubtful - news), batch, reached)

    def _news_among(self, documents: Sequence[Document], rejects: Sequence[Reject]) -> set[date]:
        """Find the days of which there is anything that neither the store nor quarantine has."""
        pieces = self._pieces.unreadable(rejects)
        news: set[date] = set()
        if documents:
            admitted = self.store.admit(documents, self._token)
            pieces += self._pieces.refused(admitted.refused)
            judged = self._judged(admitted.kept)
            pieces += map(self._pieces.lost, judged.lost)
            stored = judged.merged.judged.filter(pl.col(FATE) == STORED)
            numbers = stored.select(self.delivery.filed).to_series().unique()
            news = {day_of(number * DAY) for number in numbers}
        return news | self._not_quarantined(pieces)

    def _store(self, documents: Sequence[Document]) -> None:
        if not documents:
            return
        self._see_to_indexes()
        admitted = self.store.admit(documents, self._token)
        self.store.quarantine(self._pieces.refused(admitted.refused))
        self._tallies.quarantined(self._day(refused.document) for refused in admitted.refused)
        if admitted.kept:
            self._settle(admitted.kept)

    def _day(self, one: Document | Kept) -> date:
        return day_of(self._filed(one) * DAY)

    def _see_to_indexes(self) -> None:
        if not self._indexed:
            for keys in self.delivery.indexes:
                self.store.index(self.delivery.measurement, keys)
            self._indexed = True

    def _judged(self, documents: Sequence[Kept]) -> Judged:
        ids, by_content = [one.id for one in documents], self.delivery.by_content
        held = self.store.find(self.delivery.measurement, ids, bodies=not by_content)
        return judge_first(documents, held) if by_content else judge(documents, held)

    def _settle(self, documents: Sequence[Kept]) -> None:
        """Judge documents, keep those that lose before they are overwritten, write, and count."""
        judged = self._judged(documents)
        events = list(judged.events)
        pieces = [self._pieces.lost(one) for one, _ in events]
        losers, winners = in_the_end(pieces, [lost for _, lost in events])
        self.store.quarantine(losers.values())
        refused = self.store.write(self.delivery.measurement, judged.writes)
        if refused:
            undone = {piece.id for piece, (one, _) in zip(pieces, events, strict=True) if one.id in refused}
            self.store.release(undone.intersection(losers))
            winners -= undone
        self._count(judged.without(refused) if refused else judged)
        self.store.release(winners)
        self._refuse(judged, refused)

    def _count(self, judged: Judged) -> None:
        merged = judged.merged
        self._tallies.judged(merged.judged, [ID])
        self._tallies.displaced(merged.displaced.filter(pl.col(READ) == self._token))
        self._tallies.elsewhere(judged.elsewhere(self._filed), [ID])

    def _refuse(self, judged: Judged, refused: Mapping[str, str]) -> None:
        """Quarantine what the database would not have; its rivals for the same ids are judged without it."""
        unwritten = {one.id: content_of(one.time, one.body) for one in judged.writes if one.id in refused}
        concerned = [one for one in judged.new if one.id in refused]
        alike = [one for one in concerned if content_of(one.time, one.body) == unwritten[one.id]]
        rivals = [one for one in concerned if content_of(one.time, one.body) != unwritten[one.id]]
        self.store.quarantine(self._pieces.unwritten(one, refused[one.id]) for one in alike)
        self._tallies.quarantined(map(self._day, alike))
        if rivals:
            self._settle(rivals)

    def _delete(self) -> None:
        if not self.delivery.by_receipt:
            super()._delete()
            return
        for day in self.delivery.days:
            self.store.delete_received(owner_of(self.delivery.asset), day_number(day))

    def _in_store(self, window: Window) -> Mapping[int, int]:
        if not self.delivery.by_receipt:
            return super()._in_store(window)
        name, owner = self.delivery.measurement, owner_of(self.delivery.asset)
        numbers = [day_number(day) for day in window.days]
        return {number * DAY: self.store.count_received(name, owner, number) for number in numbers}
