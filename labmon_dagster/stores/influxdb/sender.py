"""Bodies on their way to a server: a few at once, each acknowledged, split or searched where it is refused.

Nothing counts as written before `Sender.settle` has come back.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from isal import igzip

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.errors import Refused
from labmon_dagster.stores.influxdb.lines import Lines
from labmon_dagster.stores.influxdb.link import Link, Place
from labmon_dagster.stores.influxdb.trying import tried

_LEVEL = 1
_LARGEST = 10_000_000  # bytes of a body; InfluxDB 1 refuses more than 25 million
_ABOUT_LINES = re.compile(
    r"partial write|unable to parse|field type conflict|beyond retention|max-values|max-series|line protocol"
    r"|dropped=|rejected|schema|failure writing points",
    re.IGNORECASE,
)
_ALL_DROPPED = re.compile(
    r"^(failure writing points to database: )?partial write: (?P<why>.*) dropped=(?P<number>\d+)$", re.DOTALL
)

OnRefused = Callable[[list[int], str], None]
"""Is told which lines (by number) the server will not have, and why."""


@dataclass(slots=True)
class _Letter:
    """Some lines of a call, under way."""

    lines: Lines
    place: Place
    precision: str
    first: int
    refused: list[tuple[int, str]] = field(default_factory=list)


class Sender:
    """Sends lines with the threads the target allows. To be used by one thread."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: deque[tuple[Future[_Letter], OnRefused]] = deque()

    def send(self, lines: Lines, place: Place, precision: str, on_refused: OnRefused) -> None:
        """Hand lines over. Waits while too many are under way; raises what went wrong with earlier ones."""
        target = self.link.target
        if self._pool is None:
            self._pool = ThreadPoolExecutor(target.senders, "influxdb")
        first = 0
        for part in _bodies(lines, target.batch):
            while len(self._under_way) > target.senders:
                self._finish_one()
            letter = _Letter(part, place, precision, first)
            self._under_way.append((self._pool.submit(self._deliver, letter), on_refused))
            first += len(part)

    def settle(self) -> None:
        """Wait until the server has acknowledged everything. Raises StoreError where it did not."""
        while self._under_way:
            self._finish_one()

    def close(self) -> None:
        """Wait for what is under way, whatever becomes of it, and end the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._under_way.clear()

    def _finish_one(self) -> None:
        future, on_refused = self._under_way.popleft()
        try:
            letter = future.result()
        except BaseException:
            # What follows was written on top of this and may not be reported as written.
            self.close()
            raise
        for why in {why for _, why in letter.refused}:
            on_refused([letter.first + n for n, reason in letter.refused if reason == why], why)

    def _deliver(self, letter: _Letter) -> _Letter:
        letter.refused += self._written(letter.lines, letter, 0)
        return letter

    def _written(self, lines: Lines, letter: _Letter, first: int) -> Iterator[tuple[int, str]]:
        """Write lines; give the numbers of those refused. Halves what is too large, or has a bad line."""
        try:
            self._post(lines, letter)
            return
        except Refused as refused:
            if not _about_lines(refused):
                raise StoreError(
                    f"InfluxDB at {self.link.target.base} refuses to write: {refused}"
                ) from refused
            why = refused.message
            if len(lines) == 1 or _refuses_all(why, len(lines)):
                yield from ((first + n, _reason(why)) for n in range(len(lines)))
                return
        middle = len(lines) // 2
        yield from self._written(lines.part(0, middle), letter, first)
        yield from self._written(lines.part(middle, len(lines)), letter, first + middle)

    def _post(self, lines: Lines, letter: _Letter) -> None:
        target = self.link.target
        body = igzip.compress(lines.body, _LEVEL) if target.gzip else bytes(lines.body)

        def post() -> None:
            self.link.write(body, letter.place, letter.precision, gzipped=target.gzip)

        tried(self.link, f"writing to {letter.place.database!r}", post)


def _bodies(lines: Lines, most: int) -> Iterator[Lines]:
    """Cut lines into parts of at most ``most`` lines that no server finds too large."""
    for part in lines.batches(most):
        if len(part) > 1 and part.body.nbytes > _LARGEST:
            yield from _bodies(part, (len(part) + 1) // 2)
        else:
            yield part


def _about_lines(refused: Refused) -> bool:
    """Whether the server refuses lines, and not the request."""
    return refused.status == 413 or (
        refused.status in {400, 422} and bool(_ABOUT_LINES.search(refused.message))
    )


def _refuses_all(message: str, lines: int) -> bool:
    """Whether the server says that it dropped every line, all for the one reason it gives."""
    told = _ALL_DROPPED.match(message)
    return told is not None and "unable to parse" not in told["why"] and int(told["number"]) == lines


def _reason(message: str) -> str:
    told = _ALL_DROPPED.match(message)
    return f"InfluxDB refuses it: {told['why'] if told else message}"
