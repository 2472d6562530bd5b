"""The ledger: what is known of each asset and day. It is the only state, and lies beside the data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from labmon_dagster.model import Position


class LedgerError(Exception):
    """The figures of a read do not add up: something was lost or counted twice."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows that one read of one day met."""

    read: int = 0
    stored: int = 0
    repeated: int = 0
    collided: int = 0
    empty: int = 0
    quarantined: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, n) + getattr(other, n) for n in self.__slots__))

    def check(self, where: str) -> None:
        """Raise LedgerError unless read = stored + repeated + collided + quarantined + empty."""
        total = self.stored + self.repeated + self.collided + self.quarantined + self.empty
        if self.read != total:
            raise LedgerError(f"{where}: {self.read} rows read, but {total} accounted for ({self})")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One asset and day.

    ``read_until``: the position in the source behind the latest read. ``covered``: what that read took
    in ("whole day" or "news"); ``counts`` are its. ``first`` and ``last``: earliest and latest time seen in
    the day (UTC ns). ``in_store``: rows the store holds. ``stale``: the source was seen to hold rows of this
    day that have not been read for it. ``proven``: read as a whole after its end, and both sides agree;
    ``verdict`` is then stored, empty, not kept or pruned. ``tries``: whole reads since that did not prove
    it, the last hindered by ``trouble``. ``written``: when (UTC ns).
    """

    asset: str
    day: date
    read_until: Position = field(default_factory=dict)
    covered: str = ""
    counts: Counts = field(default_factory=Counts)
    first: int | None = None
    last: int | None = None
    in_store: int = 0
    stale: bool = False
    proven: bool = False
    verdict: str = ""
    tries: int = 0
    trouble: str = ""
    run: str = ""
    version: str = ""
    written: int = 0

    @property
    def was_read(self) -> bool:
        """Whether the day was read at all, and not only seen while another was read."""
        return bool(self.covered)

    def seen(self) -> LedgerRow:
        """Give the row when the source was found to hold more of the day than was read."""
        return replace(self, stale=True, proven=False, verdict="", tries=0)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A piece of a source that could not be stored, kept with its raw text until someone decides.

    ``identity`` names the reading it would have been (JSON), '' where unknown. ``kind``: unreadable,
    collided or unfit. ``id`` is derived from all of these, so that the same piece is kept once.
    """

    id: str
    asset: str
    day: date
    kind: str
    reason: str
    raw: str
    place: str
    context: str = ""
    identity: str = ""
    run: str = ""
    met: int = 0
