"""Pieces for the quarantine made of documents that a store cannot carry, or that lost their place."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from labmon_dagster.landing.pieces import Pieces
from labmon_dagster.model.documents import Document
from labmon_dagster.model.window import DAY, day_of, instant_text
from labmon_dagster.stores.documents.kept import Kept, Refused
from labmon_dagster.stores.ledger import Quarantined

_COLLIDED = "another document of the same id, later in the source's order, has other content"


class DocumentPieces(Pieces):
    """Makes the pieces of one read of documents."""

    def refused(self, refused: Iterable[Refused]) -> list[Quarantined]:
        """Make pieces of documents that a store cannot carry."""
        return [self._document(one, "unfit", reason) for one, reason in refused]

    def unwritten(self, kept: Kept, reason: str) -> Quarantined:
        """Make a piece of a document that the database would not have."""
        return self._document(kept, "unfit", reason)

    def lost(self, kept: Kept) -> Quarantined:
        """Make a piece of a document that lost against another."""
        return self._document(kept, "collided", _COLLIDED)

    def _document(self, one: Document | Kept, kind: str, reason: str) -> Quarantined:
        identity = json.dumps({"_id": one.id, "time": instant_text(one.time)})
        where = f"{self.measurement} order {one.order} place {one.place}"
        day = day_of(one.order * DAY if self.by_receipt else one.time)
        return self._piece(self.measurement, day, kind, reason, raw_text(one.body), where, identity=identity)


def raw_text(body: Mapping[Any, Any]) -> str:
    """Give a body as JSON, its keys in order, whatever it holds; other types as MongoDB's extended JSON."""
    try:
        return json.dumps(_legible(body))
    except RecursionError:
        return json.dumps("nested too deep to be written down")


def _legible(value: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = sorted((key if isinstance(key, str) else repr(key), inner) for key, inner in value.items())
        return {key: _legible(inner) for key, inner in pairs}
    if isinstance(value, list | tuple):
        return [_legible(inner) for inner in value]
    if isinstance(value, bytes):
        return {"$binary": {"base64": base64.b64encode(value).decode(), "subType": "00"}}
    if isinstance(value, datetime):
        return {"$date": str(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$numberDouble": str(value)}
    return value if value is None or isinstance(value, str | int | float) else repr(value)
