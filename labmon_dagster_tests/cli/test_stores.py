"""What is shown of readings is the same to the byte, whichever database they came to rest in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labmon_dagster
from labmon_dagster.landing import Delivery, Landing, Recipe
from labmon_dagster.lookup import EARLIEST, LATEST, chunks, existing_store
from labmon_dagster.model import DAY, SECOND, Batch, FieldType, Mark, Measurement, Readings, Window
from labmon_dagster.model import Field as ValueField
from labmon_dagster.quality import FieldRules
from labmon_dagster.settings import TIMESERIES, open_store
from labmon_dagster_tests.cli.lab import fill, times, told
from labmon_dagster_tests.databases import Url
from labmon_dagster_tests.servers.influx import Influxd

FORMATS = ("csv", "jsonl", "line", "table")
SUMMER = 1624622400 * SECOND  # 2021-06-25T12:00:00Z
HARD = Measurement(
    "Wetter, é=1",
    ("Ort", "kind of"),
    (
        ValueField("x"),
        ValueField("n", FieldType.INTEGER),
        ValueField("ok", FieldType.BOOLEAN),
        ValueField("note", FieldType.TEXT),
        ValueField("omitted, all"),
        ValueField("never"),
    ),
)
ROWS: list[tuple[object, ...]] = [
    (-1, "", "", -0.0, 1, True, "", 7999.0, None),
    (0, "Höhe 46 m", "", 5e-324, None, False, None, 7999.0, None),
    (0, "a,b=c d", "x", 1.7976931348623157e308, -(2**63), None, "two\nlines", 7999.0, None),
    (SUMMER, "", "x", 0.1 + 0.2, 2**53 + 1, None, 'say "é", \\ and \t', 7999.0, None),
    (SUMMER, 'q"\\z', "", 3.0, 3, True, "雪 ☃ \U0001f9ea", 7999.0, None),
    (SUMMER + 1, "", "x", None, 2**63 - 1, None, "\\", 7999.0, None),
    (SUMMER + 2, "", "", None, None, False, None, None, None),
]
RULES = {
    "x": FieldRules.model_validate({"range": {"suspect": [-1, 1]}, "spike": {"fail": 1e9, "within": "1s"}}),
    "omitted, all": FieldRules.model_validate({"sentinels": [7999], "on_fail": "omit"}),
}
ONE = Measurement("one", (), (ValueField("only", FieldType.TEXT),))


def frame_of(about: Measurement, rows: Sequence[tuple[object, ...]]) -> pa.RecordBatch:
    numbered = [(*row, number, number) for number, row in enumerate(rows)]
    columns = list(zip(*numbered, strict=True))
    fields = zip(columns, about.schema, strict=True)
    return pa.RecordBatch.from_arrays([pa.array(values, f.type) for values, f in fields], schema=about.schema)


def land(about: Measurement, rows: Sequence[tuple[object, ...]], store: str = TIMESERIES) -> None:
    """Land rows of any days, each run of days in a delivery of its own."""
    recipe = Recipe(rules={n: rule for n, rule in RULES.items() if n in {f.name for f in about.fields}})
    days = sorted({date(1970, 1, 1) + timedelta(days=int(row[0]) // DAY) for row in rows})  # type: ignore[call-overload]
    with closing(open_store(store)) as opened:
        for day in days:
            batch = Batch(about, frame_of(about, rows), "s", Mark(1))
            Landing(opened, Delivery("lab/hard", about.name, (day,), recipe)).land(Readings(iter([batch])))


@pytest.fixture
def both(
    influx: Url, influx_database: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """Runs a command on the embedded store and on an InfluxDB; gives what both say."""
    monkeypatch.setenv("LABMON_LOCAL_URL", influx(influx_database))

    def run(*arguments: object) -> tuple[str, str]:
        return told(*arguments), told(*arguments, "--store", "local")

    return run


@pytest.mark.parametrize("form", FORMATS)
def test_hard_values_are_the_same_to_the_byte(both: Callable[..., tuple[str, str]], form: str) -> None:
    for store in (TIMESERIES, "local"):
        land(HARD, ROWS, store)
        land(ONE, [(5, "x"), (6, "")], store)
    for measurement in (HARD.name, ONE.name):
        here, there = both("query", measurement, "--format", form)
        assert here == there
        assert len(here.splitlines()) >= 2
    window = ("--start", "2021-06-25T12:00:00.000000001Z", "--tag", "kind of=x")
    here, there = both("query", HARD.name, "--format", form, *window)
    assert here == there


def test_what_is_shown_is_what_was_landed(both: Callable[..., tuple[str, str]]) -> None:
    for store in (TIMESERIES, "local"):
        land(HARD, ROWS, store)
    _, there = both("query", HARD.name, "--format", "csv")
    lines = there.splitlines()
    assert lines[0] == 'time,Ort,kind of,n,never,note,ok,"omitted, all","omitted, all_qc",x,x_qc'
    assert lines[1] == '1969-12-31T23:59:59.999999999Z,,,1,,"",true,,4,-0.0,1'
    assert lines[2] == "1970-01-01T00:00:00.000000000Z,Höhe 46 m,,,,,false,,4,5e-324,1"
    assert lines[-1] == "2021-06-25T12:00:00.000000002Z,,,,,,false,,9,,9"
    here, there = both("quarantine", "list")
    assert here == there == "nothing is in quarantine\n"


TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=6).filter(
    lambda text: not text.endswith("\\")
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SOME_ROWS = st.lists(
    st.tuples(
        st.integers(-3, 3) | st.integers(SUMMER, SUMMER + 3),
        TEXTS,
        TEXTS,
        st.none() | NUMBERS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none()
        | st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=9),
        st.sampled_from([None, 7999.0, 1.5]),
        st.none(),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=SOME_ROWS)
def test_any_values_are_the_same_to_the_byte(
    rows: list[tuple[object, ...]], influx: Url, influxd: Influxd, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = f"any_{np.random.default_rng().integers(2**40)}"
    influxd.create_database(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABMON_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("LABMON_LOCAL_URL", influx(name))
        for store in (TIMESERIES, "local"):
            land(HARD, rows, store)
        if any(any(value is not None for value in row[3:]) for row in rows):
            for form in FORMATS:
                asked = ("query", HARD.name, "--format", form)
                assert told(*asked) == told(*asked, "--store", "local")
    influxd.query(f'DROP DATABASE "{name}"')


@pytest.fixture
def local(influx: Url, influx_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a database behind the store `local`."""
    monkeypatch.setenv("LABMON_LOCAL_URL", influx(influx_database))
    yield influx_database


@pytest.mark.usefixtures("local")
def test_portions_are_small_and_together_everything() -> None:
    random = np.random.default_rng(7)
    crowd = SUMMER + random.choice(3600 * SECOND, 3000, replace=False)
    spread = random.choice(400 * DAY, 500, replace=False) - 200 * DAY
    far = [EARLIEST, EARLIEST + 5, -1, 0, 1, -DAY, DAY - 1, SUMMER + DAY, LATEST - 1]
    every = np.unique(np.concatenate([crowd, spread, np.array(far)]))
    rows = pl.DataFrame({"time": times(*every.tolist()), "x": every.astype(float)})
    with closing(open_store("local")) as store:
        fill(store, "m", (), rows)
        for window in (Window(EARLIEST, LATEST), Window(-5 * DAY - 3, SUMMER + 77), Window(0, 1)):
            parts = list(chunks(store, "m", window, limit=200))
            frames = [store.fetch("m", part) for part in parts]
            assert max((one.height for one in frames), default=0) <= 400
            assert pl.concat(frames).equals(store.fetch("m", window))


def test_rows_of_others_are_shown_too(local: str, influxd: Influxd) -> None:
    """Points that some other program wrote: no `_read`, fields that only some have, no column noted."""
    with closing(open_store("local")) as store:
        fill(
            store,
            "m",
            ("site",),
            pl.DataFrame({"time": times(5, SUMMER), "site": ["a", ""], "x": [1.5, 2.0]}),
        )
        store.settle()
    lines = ["m,site=a x=7 6", "m,site=z y=1i 7", f"m,site=z y=2i,x=1 {SUMMER + 9}", "other value=1 -5"]
    url = f"{influxd.url}/write?db={local}"
    assert influxd._http.request("POST", url, body="\n".join(lines).encode()).status == 204
    with closing(existing_store("local")) as store:
        assert sum(store.count("m", Window(EARLIEST, LATEST), DAY).values()) == 5
        parts = list(chunks(store, "m", Window(EARLIEST, LATEST), limit=1))
        assert sum(store.fetch("m", part).height for part in parts) == 5
    assert told("query", "m", "--store", "local", "--format", "csv").splitlines()[1:] == [
        "1970-01-01T00:00:00.000000005Z,a,1.5,",
        "1970-01-01T00:00:00.000000006Z,a,7.0,",
        "1970-01-01T00:00:00.000000007Z,z,,1",
        "2021-06-25T12:00:00.000000000Z,,2.0,",
        "2021-06-25T12:00:00.000000009Z,z,1.0,2",
    ]
    assert told("query", "other", "--store", "local", "--format", "line") == "other value=1.0 -5\n"


@pytest.mark.usefixtures("local")
def test_a_notebook_reads_the_same() -> None:
    for store in (TIMESERIES, "local"):
        land(HARD, ROWS, store)
    for more in ({}, {"tags": {"Ort": ""}}, {"fields": ["x", "x_qc"]}, {"resample": "1min"}):
        here = labmon_dagster.read(HARD.name, **more)
        there = labmon_dagster.read(HARD.name, **more, store="local")
        assert here.equals(there) and list(here.dtypes) == list(there.dtypes)
        assert len(here)
