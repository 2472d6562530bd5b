"""A table in files that LoggerNet appends to (and renames when full): a source that can be asked again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import IO

from labmon_dagster.model import SECOND, Batch, Mark, Position, Readings, Reject, Request, SourceError
from labmon_dagster.model.stamps import Trust
from labmon_dagster.sources.loggernet.badline import NOT_UTF8
from labmon_dagster.sources.loggernet.folder import LINE_LIMIT, Folder, Found, head_of
from labmon_dagster.sources.loggernet.remote import unreadable
from labmon_dagster.sources.loggernet.scan import TAIL, Place, Scanned, Scanner, nothing, split_context
from labmon_dagster.sources.loggernet.spec import TableSpec
from labmon_dagster.sources.loggernet.streams import File, Looks, mark_at, place_of, still, told_apart

BLOCK = 1 << 22
SETTLE = 5 * SECOND
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


class ReplacedError(Exception):
    """The file became another one (overwritten, cut short) while it was read."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What one read tells beside its batches."""

    facts: dict[str, object] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    headers: list[dict[str, object]] = field(default_factory=list)
    unread: list[Found] = field(default_factory=list)


@dataclass(frozen=True)
class TableFiles:
    """The files of one table. ``block`` is how many bytes are read at a time."""

    folder: Folder
    spec: TableSpec
    block: int = BLOCK

    def news(self, known: Position) -> bool:
        """Whether a file is new, has changed, or has an unfinished last line due for its second look."""
        looks = Looks(known)
        return any(looks.unchanged(found) is None for found in self.folder.look())

    def read(self, request: Request) -> Readings:
        """Read all rows behind ``request.since``, file by file, oldest first."""
        found = self.folder.look()
        told = _Told()
        if not found:
            told.trouble.append(f"no file in {self.folder.shown} matches {', '.join(self.folder.patterns)}")
        return Readings(self._batches(found, request, told), told.facts, told.trouble)

    def again(self, reject: Reject, now: int) -> Readings:
        """Read a quarantined line anew under its header.

        Raises SourceError for a table that was refused as a whole: it still lies in its folder.
        """
        if not reject.context and self.spec.header == "toa5":
            raise SourceError(
                f"{reject.place}: the whole table was refused; materialize its days to read it again"
            )
        file, _, line = reject.place.rpartition(":")
        header, textual = split_context(reject.context)
        trust = Trust(self.spec.start, now)
        scanner = Scanner(self.spec, trust, file, 0, reject.day, textual=textual)
        encoding = self.spec.encoding
        raw = reject.raw.encode(encoding, errors="backslashreplace")
        if reject.reason == NOT_UTF8:
            raw = _ESCAPED.sub(lambda byte: bytes.fromhex(byte[1].decode()), raw)
        head = f"{header.rstrip()}\n".encode(encoding) if header else b""
        pieces = scanner.feed(head + raw + b"\n")
        return Readings(_batch(piece, f"again:{line}", Mark(0)) for piece in pieces)

    def _batches(self, found: list[Found], request: Request, told: _Told) -> Iterator[Batch]:
        looks = Looks(request.since)
        same = {one: where for one in found if (where := looks.unchanged(one))}
        reached = {stream for stream, _ in same.values()}
        for where in same.values():
            yield self._still(*where)
        changed = [file for one in found if one not in same and (file := self._identified(one, told))]
        files = told_apart(changed, reached, request.known)
        told.facts["source files"] = [file.found.name for file in files]
        told.facts["headers"] = told.headers
        for file in files:
            for batch in self._guarded(file, request, told):
                reached.add(batch.stream)
                yield batch
        for one in told.unread:
            for stream, mark in looks.named(one):
                if stream not in reached:  # the file is read on from there as soon as it can be
                    reached.add(stream)
                    yield self._still(stream, mark)

    def _still(self, stream: str, mark: Mark) -> Batch:
        return _batch(nothing(self.spec, Place()), stream, mark)

    def _identified(self, found: Found, told: _Told) -> File | None:
        spec = self.spec
        column = spec.names.index(spec.stamp) if spec.stamp in spec.names else 0
        try:
            with self.folder.open(found) as handle:
                return File.of(found, head_of(handle, spec.header == "toa5", column))
        except Exception as error:
            self._note(found, error, told)
        return None

    def _guarded(self, file: File, request: Request, told: _Told) -> Iterator[Batch]:
        """Read a file. What hinders it is noted: other files are read nevertheless."""
        try:
            yield from self._file(file, request, told)
        except Exception as error:
            self._note(file.found, error, told)

    def _note(self, found: Found, error: Exception, told: _Told) -> None:
        if isinstance(error, ReplacedError):
            complaint = str(error)
        elif isinstance(error, FileNotFoundError):
            complaint = "vanished before it was read"
        elif unreadable(error):
            complaint = f"cannot be read: {self.folder.said(error)}"
        else:
            raise error
        told.unread.append(found)
        told.trouble.append(f"{found.name} {complaint}")

    def _file(self, file: File, request: Request, told: _Told) -> Iterator[Batch]:
        name = file.found.name
        with self.folder.open(file.found) as handle, ThreadPoolExecutor(2, "toa5") as pool:
            scanner = self._scanner(file, request, handle)
            scanner.pool = pool
            pending = b""
            while chunk := _whole_lines(handle, self.block):
                _check_same(handle, file)
                pending += chunk
                ready = scanner.ready(pending)
                for scanned in scanner.feed(pending[:ready]):
                    yield _batch(scanned, file.stream, mark_at(scanned.place, name))
                pending = pending[ready:]
            if scanner.place.offset + len(pending) < file.found.size:
                raise ReplacedError("became shorter while it was read")
            ready = scanner.ready(pending, at_end=True)
            for scanned in chain(scanner.feed(pending[:ready]), scanner.flush()):
                yield _batch(scanned, file.stream, mark_at(scanned.place, name))
            yield from self._end(file, request, scanner, pending[ready:])
        told.headers.extend([{"file": name, **asdict(header)} for header in scanner.headers])

    def _scanner(self, file: File, request: Request, handle: IO[bytes]) -> Scanner:
        """Start behind ``request.since`` if the file is still the same up to there, else at its beginning."""
        trust = Trust(self.spec.start, request.now)
        scanner = Scanner(self.spec, trust, file.found.name, file.base, file.found.day)
        mark = request.since.get(file.stream)
        handle.seek(0, 2)
        if mark and mark.offset <= handle.tell():
            handle.seek(max(0, mark.offset - TAIL))
            place = place_of(mark, handle.read(min(TAIL, mark.offset)))
            if place:
                scanner.resume(handle, place)
        handle.seek(scanner.place.offset)
        return scanner

    def _end(self, file: File, request: Request, scanner: Scanner, pending: bytes) -> Iterator[Batch]:
        """End the file. An unfinished last line is read only when the file stood still over two looks.

        The mark stays in front of such a line: should it grow after all, it is read anew, as the same row.
        """
        found = file.found
        mark = mark_at(scanner.place, found.name)
        before = request.known.get(file.stream)
        seen = request.now
        if before and still(found, before):
            seen = int(before.notes.get("seen") or seen)
        settled = bool(pending) and request.now - seen >= SETTLE
        if settled:
            for scanned in chain(scanner.feed(pending + b"\n"), scanner.flush()):
                yield _batch(scanned, file.stream, mark)
        notes = {"size": found.size, "changed": found.changed, "seen": seen}
        notes |= {"open": bool(pending), "taken": settled}
        yield self._still(file.stream, replace(mark, notes={**mark.notes, **notes}))


def _batch(scanned: Scanned, stream: str, mark: Mark) -> Batch:
    return Batch(scanned.measurement, scanned.rows, stream, mark, scanned.rejects)


def _whole_lines(handle: IO[bytes], size: int) -> bytes:
    """Read about ``size`` bytes up to the end of a line; less at the end of the file."""
    data = handle.read(size)
    return data if not data or data.endswith(b"\n") else data + handle.readline(LINE_LIMIT)


def _check_same(handle: IO[bytes], file: File) -> None:
    """Make sure that a block belongs to the file we began with: it still begins the same after the read."""
    if not file.head.whole:
        return
    here = handle.tell()
    handle.seek(0)
    if handle.read(len(file.head.data)) != file.head.data:
        raise ReplacedError("was overwritten while it was read")
    handle.seek(here)
