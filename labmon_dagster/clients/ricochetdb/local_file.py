"""Records in a local file: a JSON list, one record a line, with dates as MongoDB's extended JSON has them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from labmon_dagster.journal.disk import create
from labmon_dagster.journal.lock import exclusive
from labmon_dagster.stores.documents import extended


def add(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Add records behind those of a file, which is there as it was or with all of them, whatever happens.

    Those that the file has already, with the same ``_id``, are not added: a program may have read it before.
    A file that is absent is made. Raises RuntimeError that names it, also for one that holds something else.
    """
    if not path.parent.is_dir():
        raise RuntimeError(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        with exclusive(path.parent):
            known = read(path) if path.exists() else []
            create(path, _written([*known, *_new(records, known)]))
    except OSError as error:
        raise RuntimeError(f"{path} cannot be written: {error.strerror}") from error


def read(path: Path) -> list[dict[str, Any]]:
    """Read a file of records; each has an ``_id`` of its own, made of its content where the file has none.

    Raises RuntimeError that names it, and the record that is none.
    """
    try:
        found = _parsed(path.read_text("utf-8-sig"))
    except OSError as error:
        raise RuntimeError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise RuntimeError(f"{path}: no JSON: {error}") from error
    if not isinstance(found, list):
        raise RuntimeError(f"{path}: a list of records was expected, not a {type(found).__name__}")
    for number, record in enumerate(found):
        if not isinstance(record, dict):
            raise RuntimeError(
                f"{path}: record {number} is a {type(record).__name__}; an object was expected"
            )
    return list(_identified(found))


def _parsed(text: str) -> Any:
    try:
        return extended.body(text)
    except ValueError:
        if "NaN" not in text and "Infinity" not in text:
            raise
        return json.loads(text)  # as Python writes them, and JSON has them not


def _identified(records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give each an ``_id``: it is the same whenever the file is read, so that it is stored once."""
    seen: Counter[str] = Counter()
    for record in records:
        if "_id" in record:
            yield record
            continue
        content = sha256(extended.text(record).encode()).hexdigest()[:32]
        seen[content] += 1
        yield {"_id": f"{content}/{seen[content]}", **record}


def _new(records: Sequence[dict[str, Any]], known: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give the records that are not known; one without ``_id`` gets one, and never is."""
    texts = {extended.text(one) for one in known}
    for record in records:
        identified = {"_id": uuid4().hex, **record}
        if (text := extended.text(identified)) not in texts:
            yield identified
        texts.add(text)


def _written(records: Sequence[dict[str, Any]]) -> bytes:
    lines = ",\n".join(extended.text(record) for record in records)
    return f"[\n{lines}\n]\n".encode()
