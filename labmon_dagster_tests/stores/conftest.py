"""Every store there is: the suite runs against each. A new store is one more factory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labmon_dagster.stores import ReadingStore, SqliteStore


def sqlite(folder: Path) -> ReadingStore:
    return SqliteStore(folder / "deep" / "readings.db")


FACTORIES: list[Callable[[Path], ReadingStore]] = [sqlite]


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__name__)
def factory(request: pytest.FixtureRequest) -> Callable[[Path], ReadingStore]:
    made: Callable[[Path], ReadingStore] = request.param
    return made


@pytest.fixture
def store(factory: Callable[[Path], ReadingStore], tmp_path: Path) -> Iterator[ReadingStore]:
    one = factory(tmp_path)
    yield one
    one.close()
