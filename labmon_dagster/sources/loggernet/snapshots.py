"""A table that LoggerNet overwrites: each changed content was landed whole; here it is read back.

The landed contents lie in a journal, which this room does not know: whoever joins the two hands in
`Snapshot` after `Snapshot`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain

from labmon_dagster.model import Batch, Mark, Position, Readings, Reject, Request
from labmon_dagster.model.stamps import Trust
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.loggernet.files import TableFiles
from labmon_dagster.sources.loggernet.scan import Place, Scanner, nothing
from labmon_dagster.sources.loggernet.spec import TableSpec


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of one file at one look.

    ``stream`` and ``end`` say where in the journal it lies; ``received`` (ns) orders snapshots.
    ``settled``: the file stood still over two looks, so an unfinished last line is a whole one.
    """

    stream: str
    end: int
    received: int
    file: str
    content: bytes
    settled: bool


@dataclass(frozen=True)
class TableSnapshots:
    """The landed contents of one table. ``landed`` gives them in order behind a position."""

    spec: TableSpec
    landed: Callable[[Position], Iterable[Snapshot]]
    waiting: Callable[[Position], bool]
    files: TableFiles

    def news(self, known: Position) -> bool:
        """Whether something was landed behind ``known``."""
        return self.waiting(known)

    def read(self, request: Request) -> Readings:
        """Read all rows of the snapshots behind ``request.since``."""
        facts: dict[str, object] = {}
        return Readings(self._batches(request, facts), facts)

    def again(self, reject: Reject, now: int) -> Readings:
        """Read a quarantined line anew under its header."""
        return self.files.again(reject, now)

    def _batches(self, request: Request, facts: dict[str, object]) -> Iterator[Batch]:
        headers: list[dict[str, object]] = []
        names: list[str] = []
        facts["source files"], facts["headers"] = names, headers
        for stream, known in request.since.items():
            still = nothing(self.spec, Place())
            yield Batch(still.measurement, still.rows, stream, known)
        for snapshot in self.landed(request.since):
            scanner = self._scanner(snapshot, request.now)
            for scanned in chain(scanner.feed(whole_lines(snapshot, scanner)), [nothing(self.spec, Place())]):
                mark = Mark(snapshot.end)
                yield Batch(scanned.measurement, scanned.rows, snapshot.stream, mark, scanned.rejects)
            names += [snapshot.file] if snapshot.file not in names else []
            shown = [{"file": snapshot.file, **asdict(header)} for header in scanner.headers]
            headers += [header for header in shown if header not in headers]

    def _scanner(self, snapshot: Snapshot, now: int) -> Scanner:
        place = f"{snapshot.file}@{snapshot.stream}+{snapshot.end}"
        return Scanner(
            self.spec, Trust(self.spec.start, now), place, snapshot.received, day_of(snapshot.received)
        )


def whole_lines(snapshot: Snapshot, scanner: Scanner) -> bytes:
    """Give the lines of a snapshot that may be believed.

    An unfinished last line is believed only if the file had settled. If it had not, it was landed while
    it was written, and so a header of less than four lines says nothing: the file will be landed again.
    """
    content = snapshot.content
    if content.endswith(b"\n") or not content:
        return content
    if snapshot.settled:
        return content + b"\n"
    return content[: scanner.ready(content, at_end=True)]
