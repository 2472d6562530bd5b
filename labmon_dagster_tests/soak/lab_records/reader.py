"""The second reader: runs and streams by pymongo alone, or by sqlite3 and json. Nothing of labmon's reads."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, TypeAlias

from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

Body: TypeAlias = dict[str, Any]
Stored: TypeAlias = dict[str, list[Body]]
COLLECTIONS = {"run": "lio_run_info", "stream": "lio_stream_info"}
_OWN = ("_id", "_labmon")


def stored(url: str) -> Stored:
    """Give all runs and all streams, without what the database keeps for itself."""
    return _from_sqlite(url.partition(":///")[2]) if url.startswith("sqlite") else _from_mongo(url)


def _from_mongo(url: str) -> Stored:
    with MongoClient[Body](url, tz_aware=True, tzinfo=UTC) as client:
        database = client[parse_uri(url)["database"]]
        return {
            kind: [
                {key: value for key, value in one.items() if key not in _OWN} for one in database[name].find()
            ]
            for kind, name in COLLECTIONS.items()
        }


def _from_sqlite(path: str) -> Stored:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        return {
            kind: [_body(*row) for row in file.execute(f"SELECT name, body FROM {name}")]
            for kind, name in COLLECTIONS.items()
        }


def _body(name: str, text: str) -> Body:
    body: Body = json.loads(text, object_hook=_date)
    if body["name"] != name:
        raise ValueError(f"the record {name!r} says that its name is {body['name']!r}")
    return body


def _date(found: Body) -> Any:
    return datetime.fromisoformat(found["$date"]) if list(found) == ["$date"] else found
