"""Which readings of a day a read has met, to know in the end how many the store should hold.

Identities are kept as 64-bit hashes, in a file once they are many: memory stays flat. As long as every
reading comes later than all before it, they are simply counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, TypeAlias

import numpy as np
import polars as pl

Hashes: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint64]]
Times: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
_IN_MEMORY = 8 << 20


class Spill:
    """Arrays of hashes, one behind the other, in memory while they are small."""

    def __init__(self) -> None:
        self._file: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  it ends with the read

    def append(self, hashes: Hashes) -> tuple[int, int]:
        """Keep an array; give where it lies: first byte and number of bytes."""
        start = self._file.seek(0, 2)
        return start, self._file.write(hashes.tobytes())

    def read(self, places: Sequence[tuple[int, int]]) -> Hashes:
        """Give back arrays as one."""
        parts: list[bytes] = []
        for start, size in places:
            self._file.seek(start)
            parts.append(self._file.read(size))
        return np.frombuffer(b"".join(parts), dtype=np.uint64)


@dataclass(slots=True)
class Identities:
    """The readings of one day, any of them met any number of times."""

    spill: Spill
    number: int = 0
    last: int | None = None
    growing: bool = True
    places: list[tuple[int, int]] = field(default_factory=list)

    def met(self, times: Times, hashes: Hashes) -> None:
        """Note readings (their times in ns, in the order they came)."""
        later = self.last is None or int(times[0]) > self.last
        self.growing = self.growing and later and bool((np.diff(times) > 0).all())
        self.last = int(times.max()) if self.last is None else max(self.last, int(times.max()))
        self.number += len(hashes)
        self.places.append(self.spill.append(hashes))

    def count(self, without: Sequence[Hashes] = ()) -> int:
        """How many different readings there are that are not among ``without``."""
        if self.growing and not without:
            return self.number
        hashes = pl.Series(self.spill.read(self.places)).unique()
        if not without:
            return len(hashes)
        return int((~hashes.is_in(pl.Series(np.concatenate(without)).implode())).sum())
