"""Documents as records of MongoDB, and the questions that are asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bson.int64 import Int64

from labmon_dagster.model import Window
from labmon_dagster.stores.base import OWNER_SHIFT, OWNERS, VERSION_SHIFT
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.documents.mongo.server import Record
from labmon_dagster.stores.documents.plain import date_of

HIDDEN = "_labmon"
_READ = f"{HIDDEN}.read"
# One index for all: by time, then id, and with the owner in it counting needs nothing else.
BY_TIME = f"time time_ns _id {_READ}"
BY_RECEIPT = f"{HIDDEN}.order {_READ}"
WITHOUT_BODY = {"time_ns": 1, HIDDEN: 1}
SORTED = [("time", 1), ("time_ns", 1), ("_id", 1)]


def record_of(kept: Kept) -> Record:
    """Give the record in which a document is kept; dates have ms, the exact time stands beside."""
    known_by, time, body, order, place, read = kept
    exact = time if abs(time) >> 31 else Int64(time)  # small integers would be kept in 32 bits
    hidden = {"order": order, "place": place, "read": read}
    return {"_id": known_by, "time": date_of(time), "time_ns": exact, **body, HIDDEN: hidden}


def kept_of(record: Record) -> Kept:
    """Give the document that a record keeps. One that labmon did not write has no order and no reader."""
    known_by, time = record.pop("_id"), record.pop("time_ns", 0)
    hidden = record.pop(HIDDEN, {})
    record.pop("time", None)
    return Kept(known_by, time, record, hidden.get("order", 0), hidden.get("place", 0), hidden.get("read", 0))


def within(window: Window, owner: int | None) -> dict[str, Any]:
    """Ask for the records of a window, of one owner or of all."""
    asked: dict[str, Any] = {
        "time": {"$gte": date_of(window.start), "$lte": date_of(window.end)},
        "time_ns": {"$gte": window.start, "$lt": window.end},
    }
    return asked if owner is None else asked | _owned(owner)


def on_day(received: int, owner: int | None = None) -> dict[str, Any]:
    """Ask for the records whose order is a day, of one owner or of all."""
    asked: dict[str, Any] = {f"{HIDDEN}.order": received}
    return asked if owner is None else asked | _owned(owner)


def _owned(owner: int) -> dict[str, Any]:
    others = ~owner & (OWNERS - 1)
    return {_READ: {"$bitsAllSet": owner << OWNER_SHIFT, "$bitsAllClear": others << OWNER_SHIFT}}


def behind(last: Kept) -> dict[str, Any]:
    """Ask for the records that come after one, by time, then id."""
    return {"$or": [{"time_ns": {"$gt": last.time}}, {"_id": {"$gt": last.id}}]}


def counting(window: Window, bucket: int, owner: int | None) -> list[dict[str, Any]]:
    """Count by bucket of ``bucket`` ns; give steps whose results have ``start`` and ``count``.

    MongoDB divides towards zero, buckets are cut downwards. Owners are told apart behind the sum: asked
    for before it, MongoDB looks into each record instead of the index alone.
    """
    serial, without_version = ({"$mod": [f"${_READ}", 1 << bits]} for bits in (OWNER_SHIFT, VERSION_SHIFT))
    groups: dict[str, Any] = {"start": _start_of(bucket)}
    wanted: dict[str, Any] = {}
    if owner is not None:
        groups["owner"] = {"$subtract": [without_version, serial]}
        wanted = {"_id.owner": owner << OWNER_SHIFT}
    return [
        {"$match": within(window, None)},
        {"$group": {"_id": groups, "count": {"$sum": 1}}},
        {"$match": wanted},
        {"$project": {"_id": 0, "start": "$_id.start", "count": 1}},
    ]


def tallying(keys: Sequence[str], window: Window | None, bucket: int) -> list[dict[str, Any]]:
    """Count by the values of keys and by bucket; give steps whose results have ``values`` and ``count``."""
    values = [*([_start_of(bucket)] if bucket else []), *(f"${key}" for key in keys)]
    chosen = [{"$match": within(window, None)}] if window else []
    return [
        *chosen,
        {"$group": {"_id": values, "count": {"$sum": 1}}},
        {"$project": {"_id": 0, "values": "$_id", "count": 1}},
    ]


def _start_of(bucket: int) -> dict[str, Any]:
    rest = {"$mod": [{"$add": [{"$mod": ["$time_ns", bucket]}, bucket]}, bucket]}
    return {"$subtract": ["$time_ns", rest]}
