"""A dump file read to its end: events, and what is none, some thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from labmon_dagster.events.entries import CHUNK, Portion, Portions
from labmon_dagster.replay.files import DAMAGED, NOT_WHOLE, Opened
from labmon_dagster.sources.cosmic.event import Event, read_event
from labmon_dagster.sources.cosmic.scan import Piece

EVENTS = 5000  # at a time, about


class Found(NamedTuple):
    """A piece of a file. ``event`` is None for what is none, and ``why`` says so.

    ``portion``: the events it stands among, as their ``number`` (from 0); None for what is none by its form.
    """

    piece: Piece
    portion: Portion | None
    number: int
    event: Event | None
    why: str

    @property
    def id(self) -> str:
        """What the document of an event is known by; '' for none."""
        one = self.event
        return f"{one.detector}/{one.run}/{one.number}/{one.digest}" if one else ""


def read_dump(file: Opened) -> Iterator[list[Found]]:
    """Read a file. Raises ValueError, when all before is given, for a gzip file that is damaged."""
    found: list[Found] = []
    try:
        for one in _parts(file):
            found += _read(one)
            if len(found) >= EVENTS:
                yield found
                found = []
    except DAMAGED as error:
        yield found
        raise ValueError(f"{NOT_WHOLE}: {error}") from error
    yield found


def text_of(run: list[Found]) -> Portion | Piece:
    """Give the text of pieces that follow each other in one portion; or a piece that is none by its form."""
    first, last = run[0], run[-1]
    return first.portion.part(first.number, last.number) if first.portion else first.piece


def runs_of(found: list[Found]) -> Iterator[list[Found]]:
    """Part pieces where one does not follow the other in one portion."""
    run: list[Found] = []
    for one in found:
        if run and not (one.portion is run[-1].portion is not None and one.number == run[-1].number + 1):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _parts(file: Opened) -> Iterator[Portion | Piece]:
    portions = Portions()
    while text := file.text.read(CHUNK):
        yield from portions.feed(text)
    yield from portions.close()


def _read(one: Portion | Piece) -> Iterator[Found]:
    if isinstance(one, Piece):
        yield Found(one, None, 0, None, one.why)
        return
    for number, piece in enumerate(one.pieces):
        try:
            yield Found(piece, one, number, read_event(piece.raw), "")
        except ValueError as error:
            yield Found(piece, one, number, None, str(error))
