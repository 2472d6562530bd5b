"""What devices said, read back from the journal: documents and readings, day by day, and what is neither."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from labmon_dagster.collector.station import meta_of
from labmon_dagster.components.device_documents import DeviceDocuments
from labmon_dagster.components.device_journal import DeviceJournal
from labmon_dagster.components.device_readings import DeviceReadings, joined
from labmon_dagster.journal import Journal, Message
from labmon_dagster.model import DAY, NOWHERE, Field, FieldType, Mark, Position, Request, SourceError, Window
from labmon_dagster.model.devices import Heard
from labmon_dagster.model.documents import Document
from labmon_dagster.model.window import day_number
from labmon_dagster_tests.collector.fakes import Script, counting, station

FIRST = date(2026, 3, 1)
START = day_number(FIRST) * DAY
STATION = station(Script(counting), "supply", asset="lab/fake")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, "lab/fake")


def said(journal: Journal, text: bytes | str, at: int, day: int = 0, **more: object) -> None:
    """Journal what the device says ``at`` ns after the start of a day."""
    payload = text.encode() if isinstance(text, str) else text
    heard = Heard(payload, START + day * DAY + at, "text", **more)  # type: ignore[arg-type]
    journal.append_many([Message(payload, meta_of(STATION.settings, heard), heard.received)])


def source(journal: Journal, **changes: object) -> DeviceDocuments:
    days = DeviceJournal(journal, FIRST, (STATION,))
    return DeviceDocuments("lab/fake", "fakes", days, **changes)  # type: ignore[arg-type]


def request(first: int = 0, last: int = 0, since: Position = NOWHERE, known: Position = NOWHERE) -> Request:
    return Request(Window(START + first * DAY, START + (last + 1) * DAY), since, known, START + 90 * DAY)


def documents(given: DeviceDocuments, asked: Request) -> list[Document]:
    return [one for batch in given.read(asked).batches for one in batch.documents]


def test_a_document_says_who_said_what_and_when(journal: Journal) -> None:
    said(journal, "4.25", 1_234_567_891)
    (document,) = documents(source(journal), request())
    assert document.id == f"lab/fake/supply/{START + 1_234_567_891}"
    assert document.time == START + 1_234_567_891
    body = dict(document.body)
    assert body.pop("timestamp").value == START + 1_234_567_891
    assert body == {
        "device": "supply",
        "type": "FAKE",
        "address": "fake://nowhere",
        "values": {"value": 4.25},
        "units": {"value": "V"},
    }


def test_only_the_days_of_the_window_are_read(journal: Journal) -> None:
    for day in range(4):
        said(journal, str(day), 0, day)
    assert [one.body["values"]["value"] for one in documents(source(journal), request(1, 2))] == [1.0, 2.0]


def test_a_read_goes_on_where_the_day_was_read_to(journal: Journal) -> None:
    said(journal, "1", 0)
    given = source(journal)
    (batch, end) = given.read(request()).batches
    assert (batch.mark, batch.stream) == (end.mark, "2026-03-01")
    since = {batch.stream: batch.mark}
    assert not given.news(since)
    said(journal, "2", 1)
    assert given.news(since)
    assert [one.body["values"]["value"] for one in documents(given, request(since=since))] == [2.0]


def test_an_older_day_that_has_grown_is_given_too(journal: Journal) -> None:
    said(journal, "1", 0, 0)
    said(journal, "2", 0, 1)
    known = {"2026-03-01": Mark(journal.size("2026-03-01")), "2026-03-02": Mark(journal.size("2026-03-02"))}
    said(journal, "3", 5, 0)  # the clock was set back
    given = source(journal)
    assert given.news(known)
    found = documents(given, request(1, 1, since=known, known=known))
    assert [one.body["values"]["value"] for one in found] == [3.0]


def test_days_before_the_start_are_no_news(journal: Journal) -> None:
    said(journal, "1", 0, -3)
    assert not source(journal).news({"2026-02-26": Mark(0)})


def test_what_is_no_answer_is_rejected_with_its_raw_text_beside_the_good(journal: Journal) -> None:
    said(journal, "1", 0)
    said(journal, b"\xff\x00nonsense", 1)
    said(journal, "2", 2, trouble="it came late")
    said(journal, "3", 3)
    batches = list(source(journal).read(request()).batches)
    assert [one.body["values"]["value"] for batch in batches for one in batch.documents] == [1.0, 3.0]
    first, second = (reject for batch in batches for reject in batch.rejects)
    assert first.reason == r"b'\xff\x00nonsense' is no number"
    assert first.raw == "\\xff\x00nonsense"
    assert first.day == FIRST
    assert first.place.startswith("lab/fake/2026-03-01:")
    assert first.place.endswith(" supply")
    assert (second.reason, second.raw) == ("it came late", "2")


def test_a_damaged_line_is_rejected_and_the_mark_is_behind_it(journal: Journal) -> None:
    said(journal, "1", 0)
    path = journal.folder / "2026-03-01.jsonl"
    with path.open("ab") as file:
        file.write(b'{"received": 12, oops\n')
    batches = list(source(journal).read(request()).batches)
    rejects = [reject for batch in batches for reject in batch.rejects]
    assert [reject.raw for reject in rejects] == ['{"received": 12, oops']
    assert batches[-1].mark.offset == path.stat().st_size


def test_a_rejected_entry_can_be_read_again(journal: Journal) -> None:
    said(journal, "one", 0)
    (reject,) = [r for batch in source(journal).read(request()).batches for r in batch.rejects]
    (again,) = source(journal).again(reject, START).batches
    assert again.rejects == (reject,)
    (journal.folder / "2026-03-01.jsonl").unlink()
    with pytest.raises(SourceError, match="lab/fake/2026-03-01"):
        source(journal).again(reject, START)


def test_an_entry_of_other_making_is_rejected(journal: Journal) -> None:
    journal.append_many([Message(b"x", {"file": "46m.dat"}, START)])
    (reject,) = [r for batch in source(journal).read(request()).batches for r in batch.rejects]
    assert reject.reason == "no answer of a device: its entry does not say in which form"


def test_a_device_that_the_yaml_no_longer_has_is_still_understood(journal: Journal) -> None:
    heard = Heard(b"1", START, "text")
    meta = {**meta_of(STATION.settings, heard), "device": "gone", "type": "NOBODY KNOWS"}
    journal.append_many([Message(b"1", meta, START)])
    (reject,) = [r for batch in source(journal).read(request()).batches for r in batch.rejects]
    assert reject.reason.startswith("type 'NOBODY KNOWS': no such device; allowed: ")


def test_timestamps_by_the_clock_of_the_database(journal: Journal) -> None:
    heard = Heard(b"1", START, "text")
    journal.append_many([Message(b"1", meta_of(STATION.settings, heard, 2_500_000_000), START)])
    said(journal, "2", 7)
    stamps = [one.body["timestamp"].value for one in documents(source(journal, by_database=True), request())]
    assert stamps == [START + 2_500_000_000, START + 7]
    assert [one.time for one in documents(source(journal, by_database=True), request())] == [START, START + 7]
    assert [one.body["timestamp"].value for one in documents(source(journal), request())] == [
        START,
        START + 7,
    ]


def readings(journal: Journal, *fields: Field) -> DeviceReadings:
    return DeviceReadings(DeviceJournal(journal, FIRST, (STATION,)), "fakes", fields)


def test_readings_are_a_row_for_each_poll_and_device(journal: Journal) -> None:
    said(journal, "1", 5)
    said(journal, "2", 9)
    given = readings(journal, Field("value", unit="V"), Field("other", FieldType.TEXT)).read(request())
    rows = [row for batch in given.batches for row in batch.rows.to_pylist()]
    kept = [{key: row[key] for key in ("device", "type", "value", "other")} for row in rows]
    assert kept == [
        {"device": "supply", "type": "FAKE", "value": 1.0, "other": None},
        {"device": "supply", "type": "FAKE", "value": 2.0, "other": None},
    ]
    assert [row["time"].value for row in rows] == [START + 5, START + 9]


def test_a_value_of_another_type_is_rejected(journal: Journal) -> None:
    said(journal, "1", 5)
    (batch, _) = readings(journal, Field("value", FieldType.BOOLEAN)).read(request()).batches
    assert batch.rows.num_rows == 0
    assert [one.reason for one in batch.rejects] == ["value: 1.0, where the type is boolean"]


def test_quantities_without_a_column_are_listed(journal: Journal) -> None:
    said(journal, "1", 5)
    given = readings(journal, Field("other"))
    found = given.read(request())
    assert sum(batch.rows.num_rows for batch in found.batches) == 1
    assert found.facts["undeclared quantities"] == ["value"]


def test_fields_of_several_kinds_are_joined() -> None:
    one = (Field("pressure", unit="bar"), Field("state", FieldType.TEXT))
    other = (Field("pressure", unit="psi"), Field("power", unit="W"))
    assert [(f.name, f.unit) for f in joined([one, other])] == [
        ("pressure", ""),
        ("state", ""),
        ("power", "W"),
    ]
    with pytest.raises(ValueError, match="quantity state is text for one device, float for another"):
        joined([one, (Field("state"),)])


def test_the_context_of_a_reject_is_small(journal: Journal) -> None:
    said(journal, "x" * 100_000, 0)
    (reject,) = [r for batch in source(journal).read(request()).batches for r in batch.rejects]
    assert len(reject.raw) == 1 << 16
    assert set(json.loads(reject.context)) == {"day", "offset", "device"}
