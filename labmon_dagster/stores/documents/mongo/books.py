"""Ledger and quarantine in MongoDB: the fields of the SQLite tables, in two collections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from functools import partial
from typing import Any

from pymongo import ReplaceOne, UpdateOne

from labmon_dagster.stores.documents.mongo.bulk import upsert
from labmon_dagster.stores.documents.mongo.server import Mongo, Record, Server
from labmon_dagster.stores.documents.names import OWN
from labmon_dagster.stores.entries import entry_of, row_of
from labmon_dagster.stores.ledger import LedgerRow, Quarantined

LEDGER, QUARANTINE, PARTS = f"{OWN}ledger", f"{OWN}quarantine", f"{OWN}quarantine_parts"
_FIELDS = [field.name for field in fields(Quarantined) if field.name != "id"]
_CHANGES = ("reason", "place")
# A record has at most 16 MB: a longer text is kept in parts of so many characters.
_PART = 3_000_000
_IDS = 1000


class Books:
    """The ledger and quarantine of one database."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def ledger(self, asset: str) -> dict[date, LedgerRow]:
        """All rows of an asset's ledger, by day."""
        found = self._server.do(lambda mongo: list(mongo[LEDGER].find({"asset": asset}, {"_id": 0})))
        rows = sorted(map(row_of, found), key=lambda row: row.day)
        return {row.day: row for row in rows}

    def assets(self) -> list[str]:
        """Every asset the ledger knows."""
        return sorted(self._server.do(lambda mongo: mongo[LEDGER].distinct("asset")))

    def enter(self, rows: Iterable[LedgerRow]) -> None:
        """Write ledger rows, each in place of what was there for its asset and day."""
        entries = {f"{row.asset} {row.day}": entry_of(row) for row in rows}
        self._server.ensure(LEDGER, "asset day")
        writes = [ReplaceOne({"_id": name}, entry, upsert=True) for name, entry in entries.items()]
        upsert(self._server, LEDGER, writes)

    def quarantine(self, pieces: Iterable[Quarantined]) -> None:
        """Keep pieces; one that is there already keeps the time and run it was first met in."""
        given = {piece.id: piece for piece in pieces}
        self._server.ensure(QUARANTINE, "asset day")
        self._server.ensure(PARTS, "piece number")
        upsert(self._server, PARTS, [part for piece in given.values() for part in _parts(piece)])
        upsert(self._server, QUARANTINE, map(_keeping, given.values()))

    def quarantined(self, asset: str | None = None, days: Iterable[date] | None = None) -> list[Quarantined]:
        """Give the pieces of an asset (or all) filed under some days (or all), by day and time met."""
        asked: dict[str, Any] = {} if asset is None else {"asset": asset}
        if days is not None:
            asked["day"] = {"$in": [day.isoformat() for day in days]}
        found = self._server.do(lambda mongo: [_piece(mongo, one) for one in mongo[QUARANTINE].find(asked)])
        return sorted(found, key=lambda piece: (piece.asset, piece.day, piece.met, piece.place, piece.id))

    def release(self, ids: Iterable[str]) -> None:
        """Remove pieces from quarantine."""
        wanted = list(ids)
        for first in range(0, len(wanted), _IDS):
            self._server.do(partial(_release, wanted[first : first + _IDS]))


def _keeping(piece: Quarantined) -> UpdateOne:
    values: Record = {name: getattr(piece, name) for name in _FIELDS}
    values["day"] = piece.day.isoformat()
    if len(piece.raw) > _PART:
        values |= {"raw": "", "parts": True}
    changes = {name: values.pop(name) for name in _CHANGES}
    return UpdateOne({"_id": piece.id}, {"$set": changes, "$setOnInsert": values}, upsert=True)


def _parts(piece: Quarantined) -> list[ReplaceOne[Record]]:
    texts = [piece.raw[first : first + _PART] for first in range(0, len(piece.raw), _PART)]
    return [
        ReplaceOne(
            {"_id": f"{piece.id} {number}"}, {"piece": piece.id, "number": number, "text": text}, upsert=True
        )
        for number, text in enumerate(texts if len(texts) > 1 else [])
    ]


def _piece(mongo: Mongo, record: Record) -> Quarantined:
    known_by, day = record.pop("_id"), date.fromisoformat(record.pop("day"))
    if record.pop("parts", False):
        parts = mongo[PARTS].find({"piece": known_by}).sort("number", 1)
        record["raw"] = "".join(part["text"] for part in parts)
    return Quarantined(id=known_by, day=day, **record)


def _release(ids: list[str], mongo: Mongo) -> None:
    mongo[QUARANTINE].delete_many({"_id": {"$in": ids}})
    mongo[PARTS].delete_many({"piece": {"$in": ids}})
