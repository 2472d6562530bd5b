"""Whether what stands in the store is what the workers' notes allow, and all that they demand.

A call is acknowledged (it was noted that it returned), refused (an error was noted), or unknown (the worker
was killed inside it). What was acknowledged is there, what was refused is not, the unknown may be either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from labmon_dagster_tests.soak.lab_records.notes import DONE, Call
from labmon_dagster_tests.soak.lab_records.reader import Body, Stored

Tell: TypeAlias = Callable[[str], None]
_DATES = {"start": "start_date", "stop": "stop_date"}
_FIELDS = {
    "run": {"name", "detector", "description"},
    "stream": {"name", "acq_config", "channel_config", "comment"},
}
_BY = {"run": "description", "stream": "comment"}
_LATER = {
    *("start_date", "start_date_ns", "stop_date", "stop_date_ns"),
    *("history", "temperature", "bbox_status"),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def judge(stored: Stored, calls: Iterable[Call]) -> list[str]:
    """Give each promise that was broken, in words."""
    broken: list[str] = []
    by_record: dict[tuple[str, str], list[Call]] = {}
    for one in calls:
        by_record.setdefault((one.kind, one.record), []).append(one)
    there = Counter((kind, body["name"]) for kind, bodies in stored.items() for body in bodies)
    broken += [f"{kind} {name}: {n} records of this name" for (kind, name), n in there.items() if n > 1]
    bodies = {(kind, body["name"]): body for kind, some in stored.items() for body in some}
    for key in sorted(by_record.keys() | bodies.keys()):
        tell = _teller(broken, key)
        _record(key[0], bodies.get(key), by_record.get(key, []), tell)
    return broken


def _teller(broken: list[str], key: tuple[str, str]) -> Tell:
    return lambda told: broken.append(f"{key[0]} {key[1]}: {told}")


def _record(kind: str, body: Body | None, calls: Sequence[Call], tell: Tell) -> None:
    ops: dict[str, list[Call]] = {}
    for one in calls:
        ops.setdefault(one.op, []).append(one)
    if body is None:
        for one in calls:
            if one.outcome == DONE:
                tell(f"{one.op} {one.id} was acknowledged, and there is no such record")
        return
    _fields(kind, body, ops.get("create", []), tell)
    for op, field in _DATES.items():
        _date(body, op, field, ops.get(op, []), tell)
    _order(body, tell)
    if kind == "stream":
        _history(body, ops.get("history", []), ops.get("stop", []), tell)
        _detectors(body, ops.get("create", []), ops.get("detector", []), tell)
        _temperature(body, ops.get("temperature", []), tell)


def _winner(what: str, by: object, calls: Sequence[Call], tell: Tell) -> Call | None:
    """Of calls that only one may win, the one that stands there; ``by`` is its number, None if none does."""
    acknowledged = [one for one in calls if one.outcome == DONE]
    if len(acknowledged) > 1:
        tell(f"{what} was acknowledged {len(acknowledged)} times")
    allowed = acknowledged or [one for one in calls if one.may_be_done]
    won = next((one for one in allowed if one.id == by), None)
    if won is None and (by is not None or acknowledged):
        tell(f"{what} is that of {by}; it must be one of {[one.id for one in allowed]}")
    if by is None and any("already" in one.why for one in calls):
        tell(f"{what} was refused as done already, and is not done")
    return won


def _fields(kind: str, body: Body, creates: Sequence[Call], tell: Tell) -> None:
    if missing := _FIELDS[kind] - body.keys():
        tell(f"fields are missing: {sorted(missing)}")
    if strange := body.keys() - _FIELDS[kind] - _LATER:
        tell(f"nobody gave it the fields {sorted(strange)}")
    won = _winner("creation", body.get(_BY[kind]), creates, tell)
    for field, value in (won.given if won else {}).items():
        same = _extends(value, body.get(field)) if field in {"acq_config", "channel_config"} else None
        if not (body.get(field) == value if same is None else same):
            tell(f"field {field} is not as it was made")


def _extends(before: Any, after: Any) -> bool:
    """Whether a configuration is what it was, and perhaps more."""
    if isinstance(before, list):
        return isinstance(after, list) and after[: len(before)] == before
    return isinstance(after, dict) and before.items() <= after.items()


def _date(body: Body, op: str, field: str, calls: Sequence[Call], tell: Tell) -> None:
    moment = body.get(field)
    if (
        moment is not None
        and body.get(f"{field}_ns") != (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    ):
        tell(f"{field} and {field}_ns are not the same instant")
    given = {datetime.fromisoformat(one.given["moment"]): one.id for one in calls}
    by = None if moment is None else given.get(moment, f"nobody, at {moment}")
    _winner(op, by, calls, tell)


def _order(body: Body, tell: Tell) -> None:
    start, stop = body.get("start_date"), body.get("stop_date")
    if stop is not None and start is None:
        tell("a stop without a start")
    if stop is not None and start is not None and stop < start:
        tell("the stop lies before the start")
    if stop is None and (later := body.keys() & {"history", "temperature", "bbox_status"}):
        tell(f"not stopped, but there is {sorted(later)}")


def _history(body: Body, calls: Sequence[Call], stops: Sequence[Call], tell: Tell) -> None:
    known = {one.id: one for one in calls}
    there = Counter(entry.get("label") for entry in body.get("history", []))
    for entry in body.get("history", []):
        one = known.get(entry.get("label"))
        if one is None or not one.may_be_done:
            tell(f"history {entry.get('label')}: {'refused' if one else 'nobody added it'}, but there")
        elif not one.given.items() <= entry.items() or "timestamp" not in entry:
            tell(f"history {one.id} is not as it was given")
    for number, times in there.items():
        if times > 1:
            tell(f"history {number} is there {times} times")
    began = min((one.began for one in stops if one.may_be_done), default=None)
    for one in calls:
        if one.outcome == DONE and one.id not in there:
            tell(f"history {one.id} was acknowledged, and is lost")
        if one.outcome == DONE and (began is None or (one.ended or 0) < began):
            tell(f"history {one.id} was acknowledged before any stop was asked for")


def _detectors(body: Body, creates: Sequence[Call], calls: Sequence[Call], tell: Tell) -> None:
    channels = body.get("channel_config", [])
    numbers = {one.id for one in creates}
    made = {one.get("det_name") for one in channels if one.get("by") in numbers}
    added = {one.get("det_name"): one.get("by") for one in channels if one.get("by") not in numbers}
    if len(made | added.keys()) < len(channels):
        tell("a detector is there more than once")
    asked: dict[str, list[Call]] = {}
    for one in calls:
        asked.setdefault(one.given["det_name"], []).append(one)
    for name in sorted(asked.keys() | added.keys()):
        tries = asked.get(name, [])
        if name not in made:
            _detector(body, name, _winner(f"detector {name}", added.get(name), tries, tell), tell)
        elif any(one.outcome == DONE for one in tries):
            tell(f"detector {name} was acknowledged, but it was there from the start")


def _detector(body: Body, name: str, won: Call | None, tell: Tell) -> None:
    if won and body.get("acq_config", {}).get(f"d_{won.id}") != 400:
        tell(f"detector {name}: acq_config lacks what came with it")
    if won and body.get("bbox_status", {}).get(name) != "on":
        tell(f"detector {name}: bbox_status lacks what came with it")


def _temperature(body: Body, calls: Sequence[Call], tell: Tell) -> None:
    found: Mapping[str, Any] | None = body.get("temperature")
    acknowledged = [one for one in calls if one.outcome == DONE]
    if found is None:
        if acknowledged:
            tell("the temperature was acknowledged, and is lost")
        return
    one = next((one for one in calls if one.given == found and one.may_be_done), None)
    if one is None:
        tell(f"nobody gave it the temperature {found}")
    elif any(one.ended is not None and one.ended < later.began for later in acknowledged):
        tell(f"the temperature is that of {one.id}, but a later one was acknowledged")
