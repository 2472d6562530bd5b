"""Points in every store: one place for each identity, nothing cleared, what does not fit told and kept."""

from __future__ import annotations

import io

import pytest

from labmon_dagster.model import TIME, Field, Measurement
from labmon_dagster.replay.loading import Loaded, Loader, RefusedError
from labmon_dagster.sources.jsonl.reader import read
from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster.stores import ReadingStore
from labmon_dagster_tests.stores.frames import EVER, TOKEN, frame, values


def load(store: ReadingStore, *texts: str, skip: bool = True) -> Loaded:
    """Load line protocol, each text a portion."""
    loaded = Loaded()
    loader = Loader(store, "replay/x.lp", loaded, skip=skip)
    for text in texts:
        parsed = parse(text.encode())
        for one in (*parsed.bad, *parsed.points):
            loader.take(one)
    loader.settle()
    return loaded


def test_again_changes_nothing(store: ReadingStore):
    text = 'm,a=x f=-0,n=1i,b=t,s="a\nb" 1\nm f=2,f_qc=4i 2\nm,a=x f=3 2'
    assert load(store, text).points == 3
    before = store.fetch("m", EVER)
    assert values(before, TIME, "a", "f", "n", "b", "s", "f_qc", "_read", "_order") == [
        (1, "x", -0.0, 1, True, "a\nb", None, 0, 0),
        (2, "", 2.0, None, None, None, 4, 0, 0),
        (2, "x", 3.0, None, None, None, None, 0, 0),
    ]
    assert str(before["f"][0]) == "-0.0"
    assert load(store, text).points == 3
    assert store.fetch("m", EVER).equals(before)


def test_fields_join_and_the_last_value_counts(store: ReadingStore):
    load(store, "m f=1 5\nm g=2 5\nm f=3,h=1 5\nm f=9 6", "m g=7,k=1i 5\nm f=1 6", "m h=8 5")
    assert values(store.fetch("m", EVER), TIME, "f", "g", "h", "k") == [
        (5, 3.0, 7.0, 8.0, 1),
        (6, 1.0, None, None, None),
    ]


def test_a_row_that_a_source_gave_stays_its_own(store: ReadingStore):
    about = Measurement("m", (), (Field("f"), Field("g")))
    store.write(about, frame(about, [(1, 1.0, 2.0), (2, 1.0, 2.0)]))
    assert not store.settle()
    load(store, "m g=5 2")
    assert values(store.fetch("m", EVER), "f", "g", "_read", "_place") == [
        (1.0, 2.0, TOKEN, 0),
        (1.0, 5.0, TOKEN, 1),
    ]


def test_integers_beside_a_field_become_its_flags(store: ReadingStore):
    load(store, "m f=1,f_qc=4i,g_qc=900i 1", "m f_qc=9i 2")
    found = store.fetch("m", EVER)
    assert str(found.schema["f_qc"]) == "Int8"
    assert values(found, "f", "f_qc", "g_qc") == [(1.0, 4, 900), (None, 9, None)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m f=1 1\nm f=1i 2", "field 'f' is integer here, and float in the store"),
        ("m,f=x g=1 2", "'f' is a tag here, and a field in the store"),
        ("m a=1 2", "'a' is a field here, and a tag in the store"),
        ("m f=1,f_qc=128i 2", "'f_qc' holds flags"),
        ("m f=1", "no time"),
        ("m _read=1i 2", "'_read' is labmon's own column"),
        ("m _why=1i 2", "'_why' is labmon's own column"),
        ("m f", "= and a value are missing"),
    ],
)
def test_what_does_not_fit(store: ReadingStore, text: str, said: str):
    load(store, "m,a=x f=1,f_qc=1i 1")
    with pytest.raises(RefusedError, match=said):
        load(store, text, skip=False)
    loaded = load(store, text)
    assert (loaded.refused, [said in reason for reason in loaded.reasons]) == (1, [True])
    (piece,) = store.quarantined()
    assert said in piece.reason
    assert piece.asset == "replay/x.lp"
    assert values(store.fetch("m", EVER), "a", "f")[-1] == ("x", 1.0)


@pytest.mark.parametrize(
    "bad",
    [
        "m F=1 1",
        "m,F=x g=1 1",
        "M f=1 1",
        "labmon_x f=1 1",
        "m *=1 1",
        "m,*=1 f=1 1",
        "m ^x$=1 1",
        "m,^x$=1 f=1 1",
    ],
)
def test_columns_that_no_store_takes_cost_their_rows_only(store: ReadingStore, bad: str):
    texts = ("m f=1,g=2 1", f"\n{bad}\nm f=1,g=2 2\nn f=1 3")
    with pytest.raises(RefusedError, match="line 2: "):
        load(store, *texts, skip=False)
    loaded = load(store, *texts, "m f=3 4")
    assert (loaded.points, loaded.refused) == (4, 1)
    assert values(store.fetch("m", EVER), TIME, "f", "g") == [(1, 1.0, 2.0), (2, 1.0, 2.0), (4, 3.0, None)]
    assert store.measurements() == ["m", "n"]
    assert len(store.quarantined()) == 1


@pytest.mark.parametrize("factory", ["influxdb1"], indirect=True)
def test_so_do_names_that_influxdb_keeps_for_itself(store: ReadingStore):
    loaded = load(store, "m _field=1 1\nm f=1 2\n_series f=1 3")
    assert (loaded.points, loaded.refused) == (1, 2)


@pytest.mark.parametrize("name", ["_number", "number ", "absent f", "absent ", "line"])
def test_any_name_is_a_column_like_others(store: ReadingStore, name: str):
    written = name.replace(" ", "\\ ")
    loaded = load(store, f"m {written}=1,f=1 1\nm g=1 2\nm,{written}2=t f=1 3\nm f=1i 4\nm f=2,f_qc=300i 5")
    assert (loaded.points, loaded.refused) == (3, 2)
    assert values(store.fetch("m", EVER), name, f"{name}2", "f", "g") == [
        (1.0, "", 1.0, None),
        (None, "", None, 1.0),
        (None, "t", 1.0, None),
    ]
    assert len(store.quarantined()) == 2


def test_integers_that_were_no_flags_stay_none(store: ReadingStore):
    load(store, "m f_qc=900i 1", "m f=1,f_qc=4i 2", "m f=1,f_qc=901i 3")
    found = store.fetch("m", EVER)
    assert str(found.schema["f_qc"]) == "Int64"
    assert values(found, "f", "f_qc") == [(None, 900), (1.0, 4), (1.0, 901)]


@pytest.mark.parametrize("ns", [-(2**63), -(2**63) + 2, 2**63 - 1, 2**63 - 2])
def test_times_at_the_ends_of_64_bits_are_refused(store: ReadingStore, ns: int):
    loaded = load(store, f"m f=1 {ns}\nm f=1 5")
    assert (loaded.points, [reason[:14] for reason in loaded.reasons]) == (1, ["the time lies "])
    assert len(store.quarantined()) == 1


@pytest.mark.parametrize("factory", ["influxdb1", "influxdb2"], indirect=True)
def test_what_the_server_refuses_goes_to_quarantine(store: ReadingStore):
    long = "x" * 70_000
    loaded = load(store, f"m f=1 1\nm,a={long} f=2 2\nm f=3 3", skip=False)
    assert (loaded.points, loaded.refused) == (2, 1)
    (piece,) = store.quarantined()
    assert piece.raw == '{"f": 2.0}'
    assert "InfluxDB refuses it" in piece.reason


@pytest.mark.parametrize("factory", ["influxdb1"], indirect=True)
def test_a_tag_that_line_protocol_cannot_carry_is_refused(store: ReadingStore):
    (one,) = read(io.BytesIO(b'{"time":1,"measurement":"m","tags":{"a":"x\\n"},"fields":{"f":1}}\n'))
    with pytest.raises(RefusedError, match="line 1: line protocol cannot carry control characters"):
        Loader(store, "replay/x", Loaded(), skip=False).take(one)


@pytest.mark.parametrize("factory", ["influxdb1"], indirect=True)
def test_infinity_is_refused_where_it_would_be_left_out(store: ReadingStore):
    text = (
        b'{"format":"labmon-points","version":1,"measurement":"m","tags":[],"fields":{"f":"float","g":"float"}}\n'
        b'{"time":1,"measurement":"m","fields":{"f":"inf","g":1}}\n{"time":2,"measurement":"m","fields":{"f":2}}\n'
    )
    loader = Loader(store, "replay/x", Loaded(), skip=True)
    for one in read(io.BytesIO(text)):
        loader.take(one)
    loader.settle()
    assert list(loader.loaded.reasons) == ["the store cannot keep inf in 'f'"]
    assert values(store.fetch("m", EVER), TIME, "f") == [(2, 2.0)]
