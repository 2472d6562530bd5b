"""`labmon journal cat`: the entries of a journal, as text for people, as exact lines, or as raw payloads."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer

from labmon_dagster.cli.common import complain, day_option, examples, instant_option, output, remark
from labmon_dagster.formats import printable
from labmon_dagster.journal import Damage, Entry, Journal, line, sources
from labmon_dagster.lookup import EARLIEST, LATEST, check_known
from labmon_dagster.model import Window
from labmon_dagster.model.window import day_of, instant_text
from labmon_dagster.settings import journal_root

EXAMPLES = examples(
    "journal cat cms_mtd/power --since -1h",
    "journal cat cms_mtd/power --day 2021-06-25 --device caen_1 --limit 10",
    "journal cat ricochet/imacrt --device mmr3 --last 3",
    "journal cat ameriflux/46m --where file=46m_Test.dat --format json > entries.jsonl",
    "journal cat cms_mtd/power --device caen_1 --follow",
)
LOOK = 0.5  # seconds between looks for more
_DEVICE = "device"


class Form(StrEnum):
    """How an entry is written."""

    LINES = "lines"
    JSON = "json"
    PAYLOAD = "payload"


def cat(
    source: Annotated[str, typer.Argument(help="The journal; a wrong name lists those there are.")],
    day: Annotated[str | None, typer.Option(help="Only this UTC day of receipt.")] = None,
    since: Annotated[
        str | None, typer.Option(help="First time of receipt: 2021-06-25, RFC 3339, -2d or -6h.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The time to stop before.")] = None,
    device: Annotated[str | None, typer.Option(help="Only what this device said.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only entries with this in their meta, as k=v. Repeatable.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="How an entry is written.")] = Form.LINES,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many entries.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest so many of them.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
) -> None:
    """Show the entries of a journal in the order they came: time of receipt, meta, payload.

    `json` writes the journal's own lines, `payload` the bytes as they were received, with nothing between.
    """
    if limit and last:
        raise typer.BadParameter("--limit gives the first, --last the newest: give one of them")
    check_known("journal", [source], sources(journal_root()))
    window = _window(day, since, until)
    wanted = [_pair(text) for text in where or []] + ([(_DEVICE, device)] if device else [])
    reading = Reading(Journal(journal_root(), source), window, tuple(wanted))
    try:
        shown = _show(islice(reading.all(follow, last), limit), form)
    except BrokenPipeError:
        # Whoever read has enough. What is still buffered must not fail at the exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except KeyboardInterrupt:
        return
    if not shown:
        remark(reading.nothing())


def _window(day: str | None, since: str | None, until: str | None) -> Window:
    if day is None:
        return Window(instant_option(since, EARLIEST), instant_option(until, LATEST))
    if since or until:
        raise typer.BadParameter("give either --day, or --since and --until")
    chosen = day_option(day)
    assert chosen is not None
    return Window.of_days(chosen, chosen)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise typer.BadParameter(f"what is wanted of the meta is written name=value, not {text!r}")
    return name, value


@dataclass
class Reading:
    """Entries of a journal that are wanted, each once, however often it is looked at."""

    journal: Journal
    window: Window
    where: tuple[tuple[str, str], ...]
    reached: dict[str, int] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)

    def all(self, follow: bool, last: int | None = None) -> Iterator[Entry]:
        """What there is (only the ``last`` so many), and then what comes if it is followed."""
        yield from self._new() if last is None else self._newest(last)
        while follow:
            output().flush()
            time.sleep(LOOK)
            yield from self._new()

    def _new(self) -> Iterator[Entry]:
        for day in self._days():
            yield from self._of_day(day)

    def _newest(self, number: int) -> Iterator[Entry]:
        """Give the newest so many; days that are not needed for them are not read, now or later."""
        found: list[Entry] = []
        for day in reversed(self._days()):
            if len(found) < number:
                found = [*deque(self._of_day(day), number - len(found)), *found]
            else:
                self.reached[day] = self.journal.size(day)
        yield from found

    def _days(self) -> list[str]:
        first, last = (day_of(at).isoformat() for at in (self.window.start, self.window.end - 1))
        return [day for day in self.journal.days() if first <= day <= last]

    def _of_day(self, day: str) -> Iterator[Entry]:
        reached = self.reached.get(day, 0)
        if self.journal.size(day) > reached:
            for entry in self.journal.read(day, reached, self._damaged):
                self.reached[day] = entry.end
                if self._wanted(entry):
                    yield entry

    def _damaged(self, damage: Damage) -> None:
        where = f"{self.journal.source} {damage.day}: damaged line at byte {damage.offset}"
        complain(printable(f"{where}: {damage.reason}"))
        self.reached[damage.day] = damage.end

    def _wanted(self, entry: Entry) -> bool:
        if not self.window.start <= entry.received < self.window.end:
            return False
        if (device := entry.meta.get(_DEVICE)) is not None:
            self.devices.add(_text(device))
        return all(key in entry.meta and _text(entry.meta[key]) == value for key, value in self.where)

    def nothing(self) -> str:
        """Say why nothing was shown."""
        days = [day_of(at).isoformat() for at in (self.window.start, self.window.end - 1)]
        pruned = [day for day in self.journal.pruned_days() if days[0] <= day <= days[1]]
        if pruned:
            return f"no entries; {len(pruned)} of these days were pruned, the last is {pruned[-1]}"
        unknown = [value for key, value in self.where if key == _DEVICE and value not in self.devices]
        if unknown:
            there = ", ".join(sorted(self.devices)) or "none"
            return printable(f"no entries of device {unknown[0]!r}; there are entries of: {there}")
        return "no entries that fit this choice"


def _text(value: str | int | float | bool | None) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _show(entries: Iterable[Entry], form: Form) -> int:
    """Write entries; give their number."""
    makers: dict[Form, Callable[[Entry], bytes]] = {
        Form.LINES: _readable,
        Form.JSON: lambda entry: line.encode(entry.received, entry.payload, entry.meta),
        Form.PAYLOAD: lambda entry: entry.payload,
    }
    made, shown = makers[form], 0
    stream = output()
    for entry in entries:
        stream.buffer.write(made(entry))
        shown += 1
    stream.flush()
    return shown


def _readable(entry: Entry) -> bytes:
    meta = json.dumps(dict(entry.meta), ensure_ascii=False) if entry.meta else "{}"
    payload = entry.payload.decode("utf-8", "backslashreplace")
    return f"{instant_text(entry.received)} {printable(meta)} {printable(payload)}\n".encode()
