"""Takes files of processing output: they are deleted in the end, so the journal has them first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from labmon_dagster.components.feed import Tell
from labmon_dagster.components.processing.entry import State, Taken
from labmon_dagster.components.processing.index import Index
from labmon_dagster.components.processing.told import Few
from labmon_dagster.journal import Journal
from labmon_dagster.journal.line import LINE_LIMIT
from labmon_dagster.model import SourceError
from labmon_dagster.records.processing import Heads, check
from labmon_dagster.sources.processing.folder import Folder, Found, digest_of
from labmon_dagster.sources.processing.reader import read_output

LARGEST = LINE_LIMIT // 2 - 64 * 1024  # of a line of the journal, in which each byte may become two
MOST = 200_000  # files in one run, so that its time is bounded
_RAW = 1024 * 1024  # kept of a broken file: its bytes may become six each, and the file itself stays
_SHOWN, _EVERY = 20, 20


@dataclass(frozen=True)
class Taker:
    """Journals the files of a folder that are new, some hundred at a time.

    Each is good, broken, or outdated: its data not newer than the newest known of its stream, which are those
    that were journalled, or the stream's head in the store. ``most``: about how many are taken at once.
    """

    folder: Folder
    journal: Journal
    index: Index
    heads: Heads
    most: int = MOST
    now: Callable[[], int] = time.time_ns

    def take(self, tell: Tell) -> None:
        """Journal what is new. Raises StoreError, and OSError where the journal cannot be written."""
        with self.journal.locked():
            self.index.catch_up(self.journal)
        counts, unread = Counter[State](), Few(tell)
        try:
            for number, some in enumerate(self.index.unknown(self._settled()), 1):
                for one in self._journalled(some, unread):
                    counts[one.state] += 1
                    if one.state is not State.GOOD and counts[one.state] <= _SHOWN:
                        tell(one.about)
                if number % _EVERY == 0:
                    tell(f"{_summed(counts)} so far")
                if counts.total() >= self.most:
                    break
        except SourceError as error:
            tell(str(error))
        unread.end("{} more files cannot be read")
        if counts:
            tell(_summed(counts))

    def _settled(self) -> Iterator[Found]:
        """List the files that have stood still: who writes to one after that changes its time, too."""
        return (one for one in self.folder.look() if one.settled(self.now()))

    def _journalled(self, found: Sequence[Found], tell: Tell) -> list[Taken]:
        """Journal some files, those with older data first; give what became of each."""
        with self.journal.locked():
            self.index.catch_up(self.journal)  # another process may have been faster
            fresh = [one for one in found if not self.index.knows(one)]
            read = [pair for one in fresh if (pair := self._read(one, tell))]
            read.sort(key=lambda pair: (pair[0].made, pair[0].found.name))
            newest = self._newest(taken.stream for taken, _ in read if taken.state is State.GOOD)
            judged = [(_compared(taken, newest), content) for taken, content in read]
            self.index.add(self.journal.append_many((content, taken.meta) for taken, content in judged))
        return [taken for taken, _ in judged]

    def _read(self, one: Found, tell: Tell) -> tuple[Taken, bytes] | None:
        """Read a file; None where it cannot be taken just now."""
        try:
            read = self.folder.read(one.name, LARGEST + 1)
        except OSError as error:
            tell(f"{one.name} cannot be read: {error.strerror}")
            self.index.put_aside(one, self.now())
            return None
        if read is None or not read[0].settled(self.now()):
            return None
        found, content = read
        taken = _understood(found, content)
        return taken, content if taken.state is State.GOOD else content[:_RAW]

    def _newest(self, streams: Iterable[str]) -> dict[str, int]:
        """Say of when the newest data of some streams are (UTC ns), as far as there are any."""
        newest: dict[str, int] = {}
        for stream, head in self.heads.newest_of(streams).items():
            journalled = self.index.newest(stream)
            known = [*([head.made] if head else []), *([] if journalled is None else [journalled])]
            newest |= {stream: max(known)} if known else {}
        return newest


def _compared(taken: Taken, newest: dict[str, int]) -> Taken:
    """Say of a good file whether its data are newer than the ``newest`` of its stream, which grow."""
    if taken.state is not State.GOOD:
        return taken
    before = newest.get(taken.stream)
    if before is not None and taken.made <= before:
        return replace(taken, newer=before)
    newest[taken.stream] = taken.made
    return taken


def _understood(found: Found, content: bytes) -> Taken:
    digest = digest_of(content)
    try:
        if found.size > LARGEST:
            raise ValueError(f"{found.size} bytes are too large; allowed: {LARGEST}, so split the file")
        output = read_output(content)
        check(output.stream, output.made, output.records)
    except ValueError as error:
        return Taken(found, digest, wrong=str(error))
    return Taken(found, digest, output.stream, output.made, len(output.records))


def _summed(counts: Counter[State]) -> str:
    told = ", ".join(f"{counts[state]} {state}" for state in State)
    return f"{counts.total()} new files journalled: {told}"
