"""A table in files that LoggerNet appends to (and renames when full): a source that can be asked again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import IO

from labmon_dagster.model import SECOND, Batch, Mark, Position, Readings, Reject, Request, SourceError
from labmon_dagster.model.stamps import Trust
from labmon_dagster.sources.loggernet.folder import HEAD_LIMIT, Folder, Found, Head, head_of
from labmon_dagster.sources.loggernet.scan import TAIL, Place, Scanned, Scanner, nothing, partial_header
from labmon_dagster.sources.loggernet.spec import TableSpec

BLOCK = 1 << 22
SETTLE = 5 * SECOND


class Replaced(Exception):
    """The file became another one (overwritten, cut short) while it was read."""


@dataclass(frozen=True, slots=True)
class _File:
    found: Found
    stream: str
    head: Head | None


@dataclass(frozen=True)
class TableFiles:
    """The files of one table. ``block`` is how many bytes are read at a time."""

    folder: Folder
    spec: TableSpec
    block: int = BLOCK

    def news(self, known: Position) -> bool:
        """Whether a file is new, has changed, or has an unfinished last line due for its second look."""
        return any(_unchanged(found, known) is None for found in self.folder.look())

    def read(self, request: Request) -> Readings:
        """All rows behind ``request.since``, file by file, oldest first."""
        found = self.folder.look()
        facts: dict[str, object] = {}
        trouble: list[str] = []
        if not found:
            trouble.append(f"no file in {self.folder.shown} matches {', '.join(self.folder.patterns)}")
        return Readings(self._batches(found, request, facts, trouble), facts, trouble)

    def again(self, reject: Reject, now: int) -> Readings:
        """The row in a quarantined line, read anew under its header.

        Raises SourceError for a table that was refused as a whole: it still lies in its folder.
        """
        if not reject.context and self.spec.header == "toa5":
            raise SourceError(f"{reject.place}: the whole table was refused; materialize its days to read it again")
        file, _, line = reject.place.rpartition(":")
        scanner = Scanner(self.spec, Trust(self.spec.start, now), file, 0, reject.day)
        head = f"{reject.context}\n" if reject.context else ""
        text = f"{head}{reject.raw}\n".encode(self.spec.encoding)
        return Readings(_batch(piece, f"again:{line}", Mark(0)) for piece in scanner.feed(text))

    def _batches(
        self, found: list[Found], request: Request, facts: dict[str, object], trouble: list[str]
    ) -> Iterator[Batch]:
        changed: list[_File] = []
        for one in found:
            same = _unchanged(one, request.since)
            if same:
                yield _batch(nothing(self.spec), *same)
            else:
                changed += self._identified(one, trouble)
        files = _in_order(changed)
        headers: list[dict[str, object]] = []
        facts["files"] = [file.found.name for file in files]
        facts["headers"] = headers
        for file in files:
            try:
                yield from self._file(file, request, headers)
            except FileNotFoundError:
                trouble.append(f"{file.found.name} vanished while it was read")
            except Replaced as error:
                trouble.append(f"{file.found.name} {error}")
            except OSError as error:
                trouble.append(f"{file.found.name} cannot be read: {error.strerror or error}")

    def _identified(self, found: Found, trouble: list[str]) -> list[_File]:
        try:
            with self.folder.open(found) as handle:
                data = handle.read(HEAD_LIMIT)
        except OSError as error:
            trouble.append(f"{found.name} cannot be read: {error.strerror or error}")
            return []
        head = head_of(data, self.spec.header == "toa5")
        return [_File(found, head.identity if head else f"name:{found.name}", head)]

    def _file(self, file: _File, request: Request, headers: list[dict[str, object]]) -> Iterator[Batch]:
        with self.folder.open(file.found) as handle:
            scanner = self._scanner(file, request, handle)
            pending = b""
            while chunk := handle.read(self.block):
                _check_same(handle, file)
                pending += chunk
                whole = pending[: pending.rfind(b"\n") + 1]
                whole = whole[: partial_header(whole, self.spec)]
                pending = pending[len(whole) :]
                for scanned in scanner.feed(whole):
                    yield _batch(scanned, file.stream, _mark(scanner.place, file.found.name))
            if scanner.place.offset + len(pending) < file.found.size:
                raise Replaced("became shorter while it was read")
            yield from self._end(file, request, scanner, pending)
        headers += [{"file": file.found.name, **asdict(header)} for header in scanner.headers]

    def _scanner(self, file: _File, request: Request, handle: IO[bytes]) -> Scanner:
        """A scanner at the place to go on from: behind ``request.since`` if the file is still the same up to there."""
        scanner = Scanner(
            self.spec, Trust(self.spec.start, request.now), file.found.name, _rank(file.head), file.found.day
        )
        mark = request.since.get(file.stream)
        if mark and 0 < mark.offset <= file.found.size:
            handle.seek(max(0, mark.offset - TAIL))
            tail = handle.read(min(TAIL, mark.offset))
            if _digest(tail) == mark.notes.get("tail"):
                scanner.place = _place(mark, tail)
                handle.seek(scanner.place.header_at)
                scanner.resume(handle.read(HEAD_LIMIT))
        handle.seek(scanner.place.offset)
        return scanner

    def _end(self, file: _File, request: Request, scanner: Scanner, pending: bytes) -> Iterator[Batch]:
        """The end of the file. An unfinished last line is read only when the file stood still over two looks.

        The mark stays in front of such a line: should it grow after all, it is read anew, as the same row.
        """
        found = file.found
        mark = _mark(scanner.place, found.name)
        before = request.known.get(file.stream)
        same = before and (before.notes.get("size"), before.notes.get("changed")) == (found.size, found.changed)
        seen = int(before.notes.get("seen") or request.now) if before and same else request.now
        settled = bool(pending and same and request.now - seen >= SETTLE)
        if settled:
            for scanned in scanner.feed(pending + b"\n"):
                yield _batch(scanned, file.stream, mark)
        notes = {"size": found.size, "changed": found.changed, "open": bool(pending), "taken": settled, "seen": seen}
        yield _batch(nothing(self.spec), file.stream, replace(mark, notes={**mark.notes, **notes}))


def _batch(scanned: Scanned, stream: str, mark: Mark) -> Batch:
    return Batch(scanned.measurement, scanned.rows, stream, mark, scanned.rejects)


def _mark(place: Place, name: str) -> Mark:
    notes = {"line": place.line, "last": place.last, "header_at": place.header_at, "tail": _digest(place.tail)}
    return Mark(place.offset, {"name": name, **notes})


def _place(mark: Mark, tail: bytes) -> Place:
    notes = mark.notes
    last = notes["last"]
    return Place(mark.offset, int(notes["line"] or 1), None if last is None else int(last), int(notes["header_at"] or 0), tail)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _unchanged(found: Found, known: Position) -> tuple[str, Mark] | None:
    """The stream and mark of a file read to its end that has not changed since."""
    for stream, mark in known.items():
        notes = mark.notes
        if (notes.get("name"), notes.get("size"), notes.get("changed")) == (found.name, found.size, found.changed):
            return None if notes.get("open") and not notes.get("taken") else (stream, mark)
    return None


def _check_same(handle: IO[bytes], file: _File) -> None:
    """A block belongs to the file we began with only if the file still begins the same after it was read."""
    if file.head is None:
        return
    here = handle.tell()
    handle.seek(0)
    if handle.read(len(file.head.data)) != file.head.data:
        raise Replaced("was overwritten while it was read")
    handle.seek(here)


def _rank(head: Head | None) -> int:
    """The base for the places of a file's rows: files in the order of their first stamps."""
    try:
        return int(datetime.fromisoformat(head.first_stamp).replace(tzinfo=UTC).timestamp()) << 30 if head else 0
    except ValueError:
        return 0


def _in_order(files: list[_File]) -> list[_File]:
    """Oldest first. Files that begin alike (one a copy of the other) are told apart by size."""
    ordered = sorted(files, key=lambda f: (f.head.first_stamp if f.head else "", -f.found.size, f.found.name))
    met: Counter[str] = Counter()
    told_apart = []
    for file in ordered:
        met[file.stream] += 1
        nth = met[file.stream]
        told_apart.append(replace(file, stream=f"{file.stream}#{nth}") if nth > 1 else file)
    return told_apart
