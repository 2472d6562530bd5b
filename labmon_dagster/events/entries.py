"""Text of dump files in a journal: several events an entry, as they stood there, and what is no event apart.

An entry from a file has the meta data ``device`` (dumps), ``type`` (file), ``address`` (the folder),
``form`` (``dump``, or ``garbage`` with its reason as ``trouble``), ``sender`` (the file's name), ``offset``
and ``line``: where its text begins in the file, of which the bytes are counted behind any compression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labmon_dagster.collector.station import legible
from labmon_dagster.journal import Entry, Message
from labmon_dagster.journal.line import Meta
from labmon_dagster.model.devices import Heard
from labmon_dagster.model.documents import Document
from labmon_dagster.model.window import day_number, day_of
from labmon_dagster.sources.cosmic.decode import Decoding
from labmon_dagster.sources.cosmic.document import Receipt, document_of
from labmon_dagster.sources.cosmic.event import Event
from labmon_dagster.sources.cosmic.scan import Piece, Scanner, pieces

CHUNK = 256 * 1024  # bytes of a file that are read at once: about the text of an entry
DUMP, GARBAGE = "dump", "garbage"
_DEVICE, _TYPE = "dumps", "file"


@dataclass(frozen=True, slots=True)
class Portion:
    """Events that follow each other in a file: their ``text`` as it stood there."""

    text: bytes
    pieces: tuple[Piece, ...]

    def part(self, first: int, last: int) -> Portion:
        """Give the events from number ``first`` to ``last``, both included."""
        some, origin = self.pieces[first : last + 1], self.pieces[0].offset
        end = some[-1].offset + len(some[-1].raw)
        return Portion(self.text[some[0].offset - origin : end - origin], some)


class Portions:
    """Parts the text of a file into portions, and pieces that are no events, in their order.

    ``offset`` and ``line``: where in the file the text begins that is fed.
    """

    def __init__(self, offset: int = 0, line: int = 1) -> None:
        self._scanner = Scanner(offset, line)
        self._text, self._begin = b"", offset

    @property
    def waiting(self) -> tuple[int, int]:
        """Offset and line of what was not given yet."""
        return self._scanner.waiting

    def feed(self, text: bytes) -> Iterator[Portion | Piece]:
        """Take more text, and give what has come to its end."""
        self._text += text
        yield from self._parted(self._scanner.feed(text))
        done = self.waiting[0]
        self._text, self._begin = self._text[done - self._begin :], done

    def close(self) -> Iterator[Portion | Piece]:
        """Give the rest: an event that was cut off, or garbage."""
        yield from self._parted(self._scanner.close())

    def _parted(self, found: Iterable[Piece]) -> Iterator[Portion | Piece]:
        events: list[Piece] = []
        for piece in found:
            if not piece.why:
                events.append(piece)
                continue
            if events:
                yield self._portion(events)
                events = []
            yield piece
        if events:
            yield self._portion(events)

    def _portion(self, events: list[Piece]) -> Portion:
        begin, end = events[0].offset, events[-1].offset + len(events[-1].raw)
        return Portion(self._text[begin - self._begin : end - self._begin], tuple(events))


def message_of(found: Portion | Piece, folder: str, name: str, received: int | None = None) -> Message:
    """Make the message of the journal that keeps a portion, or what is no event, of a file in a folder."""
    first = found.pieces[0] if isinstance(found, Portion) else found
    meta: dict[str, str | int | float | bool | None] = {
        "device": _DEVICE,
        "type": _TYPE,
        "address": legible(folder),
        "form": GARBAGE if first.why else DUMP,
        "sender": legible(name),
        "offset": first.offset,
        "line": first.line,
    }
    if first.why:
        meta["trouble"] = legible(first.why)
    return Message(found.text if isinstance(found, Portion) else found.raw, meta, received)


def pieces_in(entry: Entry, heard: Heard) -> Iterator[Piece]:
    """Give the pieces of an entry. Those of a file say where in the file they stand."""
    if heard.form != DUMP:
        yield from pieces(entry.payload)
        return
    offset, line = begin_of(entry.meta)
    scanner = Scanner(offset, line)
    yield from scanner.feed(entry.payload)
    yield from scanner.close()


def begin_of(meta: Meta) -> tuple[int, int]:
    """Say where in its file the text of an entry begins: byte and line."""
    offset, line = meta.get("offset"), meta.get("line")
    return offset if isinstance(offset, int) else 0, line if isinstance(line, int) else 1


def documented(entry: Entry, number: int, event: Event, receipt: Receipt, decoding: Decoding) -> Document:
    """Give the document of an event that is the piece ``number`` (from 0) of an entry."""
    order = day_number(day_of(entry.received))
    return document_of(event, decoding, receipt, order, entry.offset + number)
