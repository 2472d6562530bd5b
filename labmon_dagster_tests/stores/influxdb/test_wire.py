"""What lies between a store and its server: packing, units of time, passwords, certificates."""

from __future__ import annotations

import logging
import shutil
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from stamina.instrumentation import set_on_retry_hooks

from labmon_dagster import settings
from labmon_dagster.stores import InfluxStore, StoreError
from labmon_dagster.stores.influxdb import Target
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.link import Place, connect
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.servers.double import Double
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator
from labmon_dagster_tests.servers.web import Answer
from labmon_dagster_tests.stores.frames import EVER, frame, measurement, values
from labmon_dagster_tests.stores.influxdb.conftest import Open
from labmon_dagster_tests.stores.influxdb.wire import sent

MET = measurement("met", ["site"], x=float, note=str)
ROWS = [(n * 1_000_000_000, "a", n / 7, "é\n" * n) for n in range(50)]
SECRET = "Pa55: wörd;€'"
_escaped = SECRET.replace("'", r"\'")
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """An InfluxDB with a password, behind TLS."""
    server = Influxd(tmp_path_factory.mktemp("locked"), auth=("admin", "admin"), https=True)
    with server:
        server.create_database("lab")
        server.query(f"CREATE USER lab WITH PASSWORD '{_escaped}'")
        server.query('GRANT ALL ON "lab" TO "lab"')
        yield server
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)


def url(server: Influxd, user: str = "lab", **options: object) -> str:
    return influx_url(1, server.url.replace("://", f"://{user}@"), "lab", **options)


def roundtrip(store: InfluxStore) -> list[tuple[object, ...]]:
    with closing(store):
        store.write(MET, frame(MET, ROWS))
        assert store.settle() == []
        return values(store.fetch("met", EVER), "time", "site", "x", "note")


@pytest.mark.parametrize("packed", ["on", "off", "auto"])
@pytest.mark.parametrize("precision", UNITS)
def test_neither_packing_nor_unit_changes_a_point(open_store: Open, packed: str, precision: str) -> None:
    store = open_store(gzip=packed, precision=precision)
    assert store.link.target.gzip == (packed == "on"), "a server on this machine is not worth it"
    assert roundtrip(store) == ROWS


@pytest.mark.parametrize("precision", UNITS)
def test_a_time_between_two_units_is_refused_in_words(open_one: Open, precision: str) -> None:
    unit = UNITS[precision]
    store = open_one(precision=precision)
    times = [0, unit, unit + 1, -unit, -unit - 1, 5 * unit // 2]
    times = sorted(set(times))
    admitted, refused = store.admit(MET, frame(MET, [(time, "a", 1.0, "") for time in times]))
    kept = [time for time in times if time % unit == 0]
    assert [time for (time,) in values(admitted, "time")] == kept
    assert set(refused["_why"]) <= {f"its time is no whole number of {precision}, which this store is set to"}
    store.write(MET, admitted)
    assert [time for (time,) in values(store.fetch("met", EVER), "time")] == sorted(kept)


@pytest.mark.parametrize("by_file", [True, False])
def test_user_and_password_open_the_door(
    locked: Influxd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_file: bool
) -> None:
    name, value = "LABMON_INFLUXDB_PASSWORD", SECRET
    if by_file:
        (tmp_path / "secret").write_text(f"{SECRET}\n")
        name, value = f"{name}_FILE", str(tmp_path / "secret")
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("LABMON_TIMESERIES_URL", url(locked, ca=locked.ca))
    store = settings.open_store()
    assert isinstance(store, InfluxStore)
    assert roundtrip(store) == ROWS


@pytest.mark.parametrize(("user", "secret"), [("lab", "wrong"), ("nobody", SECRET), ("", "")])
def test_a_closed_door_is_explained_without_the_key(locked: Influxd, user: str, secret: str) -> None:
    address = url(locked, user, ca=locked.ca) if user else influx_url(1, locked.url, "lab", ca=locked.ca)
    with closing(InfluxStore(Target.parse(address, secret))) as store:
        for ask in (
            store.measurements,
            lambda: store.write(MET, frame(MET, ROWS)),
            lambda: store.quarantined("lab/table"),
        ):
            with pytest.raises(
                StoreError, match="check user in the URL and LABMON_INFLUXDB_PASSWORD"
            ) as error:
                ask()
            assert "401" in str(error.value) and not (secret and secret in str(error.value))


@pytest.mark.parametrize("api", [1, 2])
def test_an_unknown_authority_is_refused_at_once(
    locked: Influxd, api: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(
        StoreError, match=r"certificate verify failed.*`ca=FILE` in the URL names the authority"
    ):
        sent(api, locked.url, ["m x=1 1"], patience=60)
    assert "retry" not in caplog.text
    with pytest.raises(StoreError, match=r"40[14]"):  # TLS itself is fine
        sent(api, locked.url, ["m x=1 1"], ca=locked.ca)


@pytest.mark.parametrize("api", [1, 2])
def test_no_secret_is_shown_anywhere(
    api: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "t0p5ecret"
    set_on_retry_hooks(None)  # commands that ran in this process have switched them off
    caplog.set_level(logging.DEBUG)
    busy, closed = Answer(503, "busy"), Answer(401, "unauthorized")
    for script in ([busy, closed], [Answer(drop=True), closed]):
        for scripted in ("/write", "/query"):
            with Double(script, scripted=scripted) as double:
                base = double.url.replace("://", "://lab@") if api == 1 else double.url
                target = Target.parse(influx_url(api, base, "lab"), secret)
                with closing(connect(target)) as link, pytest.raises(StoreError) as error:
                    Answers(link, Place("lab")).ask("SHOW DATABASES")
                    sent(api, base, ["m x=1 1"], secret)
                sight = double.requests[-1].headers["Authorization"]
    logged = [caplog.text, *(repr(vars(one)) for one in caplog.records), *capsys.readouterr()]
    assert "stamina.retry_scheduled" in "".join(logged)
    for text in (*logged, *traceback.format_exception(error.value)):
        assert secret not in text and sight.split()[-1] not in text
    assert secret not in "".join(map(repr, (target, InfluxStore(target), link, vars(link))))


def test_the_translator_speaks_tls_behind(locked: Influxd) -> None:
    with Translator(locked) as translator:
        assert sent(2, translator.url, ["other x=1 1"]) == []
    assert locked.query("SELECT x FROM other", db="lab") == [{"time": 1, "x": 1}]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("influxdb1+http://lab:hush@h/db", "no password in the URL"),
        ("influxdb+http://lab@h/db", "knows tokens, no users"),
        ("influxdb+http://h/", "bucket is missing"),
        ("influxdb1+http:///db", "host or database is missing"),
        ("influxdb+ftp://h/db", "is no InfluxDB"),
        ("influxdb+http://h/db?token=hush", "unknown option token"),
        ("influxdb+http://h/db?precision=m", "precision='m'; allowed: ns, us, ms, s"),
        ("influxdb+http://h/db?batch=0", "batch='0'; allowed: 1 to 1000000"),
        ("influxdb+http://h/db?patience=-1", "patience='-1'; allowed: 0 to 3600"),
        ("influxdb+http://h/db?gzip=yes", "gzip='yes'; allowed: auto, on, off"),
    ],
)
def test_a_wrong_url_is_explained_without_its_secrets(wrong: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        Target.parse(wrong)
    assert said in str(error.value) and "hush" not in str(error.value)
