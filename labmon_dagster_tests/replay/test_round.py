"""Out of a store and into an empty one: the same rows, types, tags and flags."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from labmon_dagster.cli.export import Form, writer_of
from labmon_dagster.model.points import Points
from labmon_dagster.replay.files import Form as FileForm
from labmon_dagster.replay.files import Opened, Ways, points
from labmon_dagster.replay.loading import Loaded, Loader
from labmon_dagster.replay.stored import stored
from labmon_dagster.stores import ReadingStore, SqliteStore
from labmon_dagster_tests.replay import made
from labmon_dagster_tests.stores.frames import EVER


def exported(store: ReadingStore, form: Form) -> bytes:
    write = writer_of(form).write
    return b"".join(write(one) for name in store.measurements() for one in stored(store, name, EVER, {}))


def replayed(store: ReadingStore, text: bytes, form: Form) -> None:
    raw = io.BufferedReader(io.BytesIO(text))
    loader = Loader(store, "replay/x", Loaded(), skip=False)
    for one in points(Opened("x", raw, raw, None), Ways(FileForm(form))):
        loader.take(one)
    loader.settle()
    assert not loader.loaded.refused


def put(store: ReadingStore, given_points: Points) -> None:
    loader = Loader(store, "replay/x", Loaded(), skip=False)
    loader.take(given_points)
    loader.settle()


def same(found: ReadingStore, held: ReadingStore) -> None:
    """Compare all that two stores hold; a column without any value may be missing."""
    assert found.measurements() == held.measurements()
    for name in held.measurements():
        ours, theirs = found.fetch(name, EVER), held.fetch(name, EVER)
        empty = [c for c in theirs.columns if c not in ours.columns]
        assert all(theirs[c].is_null().all() or (theirs[c] == "").all() for c in empty)
        order = sorted(ours.columns)
        assert repr(ours.select(order).rows()) == repr(theirs.drop(empty).select(order).rows())
        assert ours.schema == {c: theirs.schema[c] for c in ours.columns}


@pytest.mark.parametrize("form", Form)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(given_points=made.points(timeless=False))
def test_from_sqlite_to_sqlite(form: Form, tmp_path_factory: pytest.TempPathFactory, given_points: Points):
    folder = tmp_path_factory.mktemp("round")
    with closing(SqliteStore(folder / "a.db")) as held, closing(SqliteStore(folder / "b.db")) as found:
        put(held, given_points)
        replayed(found, exported(held, form), form)
        same(found, held)


TEXT = (
    'm,a=x,b=y\\ z f=-0,n=9223372036854775807i,t=f,s="a, \\"b\\"\nc\\\\" 1617672549204824064\n'
    "m,a=x f=1.5e-300,f_qc=4i 1617672549204824065\n"
    'm s="",f=0.1 -5\n'
    "m f_qc=9i 0\n"
    "other,a=é x=1 7\n"
)


@pytest.mark.parametrize("form", Form)
def test_to_influxdb_and_back(store: ReadingStore, form: Form, tmp_path: Path):
    with closing(SqliteStore(tmp_path / "a.db")) as held, closing(SqliteStore(tmp_path / "b.db")) as back:
        replayed(held, TEXT.encode(), Form.LINE)
        assert held.fetch("m", EVER).height == 4
        replayed(store, exported(held, form), form)
        same(store, held)
        replayed(back, exported(store, form), form)
        same(back, held)
        assert str(back.fetch("m", EVER).schema["f_qc"]) == "Int8"


@pytest.mark.parametrize("form", [Form.LINE, Form.CSV])
def test_what_a_form_cannot_carry_is_named(form: Form, tmp_path: Path):
    with closing(SqliteStore(tmp_path / "a.db")) as held:
        put(held, made.one_point(f=float("inf")))
        with pytest.raises(ValueError, match=r"inf.*'f'|'f'.*inf"):
            exported(held, form)
