"""Whether a server holds what the writers' notes demand, and nothing that they do not allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.soak.station.notes import MEASUREMENT, Point, Write

Row: TypeAlias = dict[str, Any]
_SHOWN = 5


def stored(server: Influxd, bucket: str) -> list[Row]:
    """All points of the soak in a server, by its own query language; without what landing keeps beside."""
    rows = server.query(f'SELECT * FROM "{MEASUREMENT}"', db=bucket)
    return [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]


def judge(name: str, rows: Sequence[Row], noted: Iterable[Write]) -> list[str]:
    """Give each promise that was broken, in words; of many alike the first ones."""
    there: dict[Point, Row] = {Point(row["who"], row["n"], row["time"]): row for row in rows}
    broken = [*_doubled(rows), *_wrong(there, list(noted))]
    more = len(broken) - _SHOWN
    return [f"{name}: {one}" for one in broken[:_SHOWN]] + ([f"{name}: {more} more"] if more > 0 else [])


def _doubled(rows: Sequence[Row]) -> Iterator[str]:
    numbers = Counter((row["who"], row["n"]) for row in rows)
    for (who, n), times in numbers.items():
        if times > 1:
            yield f"point {n} of {who} is there {times} times"


def _wrong(there: Mapping[Point, Row], noted: Sequence[Write]) -> Iterator[str]:
    attempted: set[Point] = set()
    for write in noted:
        attempted.update(write.points)
        found = [one for one in write.points if one in there]
        yield from (told for one in found if (told := _altered(one, there[one])))
        lacking = len(write.points) - len(found)
        if write.returned and lacking:
            yield f"{lacking} of {len(write.points)} points of a write that returned are lost: {write.points}"
        elif write.returned is None and found and lacking:
            yield f"half a write is there: {write.points}"
        elif write.returned is False and found:
            yield f"a write that was refused is there: {write.points}"
    for one in there.keys() - attempted:
        yield f"nobody wrote point {one.n} of {one.who} at {one.time}"


def _altered(point: Point, row: Row) -> str | None:
    wanted = {"time": point.time, "who": point.who, **point.values}
    if row == wanted and all(type(row[name]) is type(value) for name, value in wanted.items()):
        return None
    return f"point {point.n} of {point.who} is altered: {row}, and should be {wanted}"
