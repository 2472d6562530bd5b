"""Which store is used: URLs and secrets of the environment. Nothing is contacted here."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from labmon_dagster import settings
from labmon_dagster.settings import StoreKey, keys_named, open_any, open_store, store_url, url_variable
from labmon_dagster.stores import InfluxStore, SqliteStore
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster.stores.influxdb import Target

TOKEN, OWN = "LABMON_INFLUXDB_TOKEN", "LABMON_LOCAL_INFLUXDB_TOKEN"


@pytest.fixture(autouse=True)
def nothing_is_contacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a store needs no network; and no secret comes from outside of the test."""

    def connect(*_: object) -> None:
        raise AssertionError("something was contacted")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    for name in (TOKEN, OWN, "LABMON_INFLUXDB_PASSWORD", "LABMON_LOCAL_INFLUXDB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


def opened(url: str, name: str = "timeseries") -> InfluxStore:
    """The store of a name whose URL the environment says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(url_variable(name), url)
        store = open_store(name)
    assert isinstance(store, InfluxStore)
    return store


def target(url: str, name: str = "timeseries") -> Target:
    with closing(opened(url, name)) as store:
        return store.link.target


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("readings.db", "no such kind of store; allowed: sqlite:///PATH"),
        ("postgresql://h/db", "no such kind of store; allowed: sqlite:///PATH"),
        ("http://h:8086/db", "influxdb+http(s)://HOST:PORT/BUCKET?org=ORG"),
        ("InfluxDB://h:8086/db", "influxdb1+http(s)://USER@HOST:PORT/DATABASE"),
        ("sqlite:", "no path; write sqlite:///PATH"),
        ("sqlite://readings.db", "no path; write sqlite:///PATH"),
        ("sqlite:///", "no path; write sqlite:///PATH"),
        ("influxdb://h:8086/db", "'influxdb' is no InfluxDB; allowed: influxdb+http(s)://"),
        ("influxdb+udp://h:8089/db", "'influxdb+udp' is no InfluxDB; allowed: influxdb+http(s)://"),
        ("influxdb+http://h:8086", "host or bucket is missing; write influxdb+http(s)://"),
        ("influxdb+http:///bucket", "host or bucket is missing"),
        ("influxdb1+http://h:8086/", "host or database is missing; write influxdb1+http(s)://"),
        ("influxdb1+http://u:s3cret@h/db", "no password in the URL, please: it comes from the environment"),
        ("influxdb+https://u:s3cret@h/b", "no password in the URL"),
        ("influxdb1+http://u:s3cret/with@signs@h:8086/db", "the port is no number from 0 to 65535"),
        ("influxdb1+http://u:s3cret?with@signs@h:8086/db", "unknown option"),
        ("postgresql://u:s3cret@h/db", "no such kind of store"),
        ("influxdb+https://s3cret@h/b", "InfluxDB 2 knows tokens, no users"),
        ("influxdb1+http://h/db?u=writer&p=s3cret", "unknown option p, u; allowed: org"),
        ("influxdb+http://h/b?token=s3cret", "unknown option token; allowed: org, precision, batch, senders"),
        ("influxdb+http://h/b?Batch=1&retries=3", "unknown option Batch, retries; allowed: org"),
        ("influxdb+http://h/b?precision=m", "precision='m'; allowed: ns, us, ms, s"),
        ("influxdb+http://h/b?batch=0", "batch='0'; allowed: 1 to 1000000"),
        ("influxdb+http://h/b?batch=many", "batch='many'; allowed: 1 to 1000000"),
        ("influxdb+http://h/b?senders=5", "senders='5'; allowed: 1 to 4"),
        ("influxdb+http://h/b?senders=", "senders=''; allowed: 1 to 4"),
        ("influxdb+http://h/b?gzip=yes", "gzip='yes'; allowed: auto, on, off"),
        ("influxdb+http://h/b?patience=-1", "patience='-1'; allowed: 0 to 3600"),
        ("influxdb+http://h/b?patience=1.5", "patience='1.5'; allowed: 0 to 3600"),
        ("influxdb+http://h:port/b", "the port is no number from 0 to 65535"),
        ("influxdb+http://[::1/b", "Invalid IPv6 URL"),
    ],
)
def test_a_wrong_url_says_what_is_allowed(url: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_TIMESERIES_URL", url)
    monkeypatch.setenv(TOKEN, "t0ken")
    with pytest.raises(ValueError, match="LABMON_TIMESERIES_URL=") as raised:
        open_store()
    text = str(raised.value)
    assert said in text
    assert "t0ken" not in text and "s3cret" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (
            "influxdb+https://influx.lab:8086/readings?org=our%20lab&precision=ms&batch=500&senders=4&gzip=off"
            "&ca=/etc/ssl/lab.pem&patience=0",
            Target(
                2,
                "https://influx.lab:8086",
                "readings",
                org="our lab",
                precision="ms",
                batch=500,
                senders=4,
                gzip=False,
                ca="/etc/ssl/lab.pem",
                patience=0.0,
            ),
        ),
        ("influxdb+http://h/a%20b", Target(2, "http://h", "a b")),
        ("influxdb1+http://wri%40ter@h:8086/lab", Target(1, "http://h:8086", "lab", user="wri@ter")),
        ("influxdb1+http://localhost:8086/lab", Target(1, "http://localhost:8086", "lab", gzip=False)),
        ("influxdb1+http://[::1]:8086/lab?gzip=on", Target(1, "http://[::1]:8086", "lab")),
    ],
)
def test_a_url_says_everything_else(url: str, wanted: Target) -> None:
    assert target(url) == wanted


def test_the_token_is_in_the_environment_or_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "influxdb+http://h/b"
    assert target(url).secret == ""
    monkeypatch.setenv(TOKEN, "everyone's")
    assert (target(url).secret, target(url, "local").secret) == ("everyone's", "everyone's")
    (tmp_path / "token").write_text("in a file\n")
    monkeypatch.setenv(f"{TOKEN}_FILE", str(tmp_path / "token"))
    assert target(url).secret == "in a file"
    monkeypatch.setenv(OWN, "its own")
    assert (target(url).secret, target(url, "local").secret) == ("in a file", "its own")
    monkeypatch.setenv(f"{OWN}_FILE", str(tmp_path / "gone"))
    with pytest.raises(ValueError, match=f"{OWN}_FILE: .*gone cannot be read: No such file"):
        opened(url, "local")


def test_users_of_1_have_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "t0ken")
    monkeypatch.setenv("LABMON_INFLUXDB_PASSWORD", "s3cret")
    monkeypatch.setenv("LABMON_LOCAL_INFLUXDB_PASSWORD", "0ther")
    url = "influxdb1+http://writer@h/lab"
    assert (target(url).user, target(url).secret, target(url, "local").secret) == (
        "writer",
        "s3cret",
        "0ther",
    )


@pytest.mark.parametrize("url", ["influxdb+http://h/b?org=lab", "influxdb1+http://writer@h/lab"])
def test_nothing_shows_a_secret(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "t0ken")
    monkeypatch.setenv("LABMON_INFLUXDB_PASSWORD", "t0ken")
    store = opened(url)
    assert store.link.target.secret == "t0ken"
    for thing in (store.link.target, store, store.link, vars(store), vars(store.link)):
        assert "t0ken" not in f"{thing!r} {thing!s}"
    store.close()


def test_stores_have_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_url("timeseries") == f"sqlite:///{home}/readings.db"
    assert store_url("documents") == f"sqlite:///{home}/documents.db"
    with pytest.raises(ValueError, match="store 'local': LABMON_LOCAL_URL is not set"):
        open_store("local")
    monkeypatch.setenv("LABMON_LOCAL_URL", "sqlite:///relative/local.db")
    local = open_store("local")
    assert isinstance(local, SqliteStore)
    assert local.database.path == Path("relative/local.db")
    monkeypatch.setenv("LABMON_LOCAL_URL", "")
    with pytest.raises(ValueError, match="LABMON_LOCAL_URL is not set"):
        open_store("local")
    for wrong in ("", "Local", "a-b", "1st", "../x"):
        with pytest.raises(ValueError, match="is no name of a store: small letters, digits and _"):
            store_url(wrong)
    assert settings.home() == home
    assert not home.exists(), "opening makes nothing"


@pytest.mark.parametrize(
    ("name", "url", "kinds"),
    [
        ("timeseries", "sqlite:///a.db", [False]),
        ("documents", "sqlite:///a.db", [True]),
        ("documents", "mongodb://h/db", [True]),
        ("local", "sqlite:///a.db", [False, True]),
        ("local", "mongodb+srv://h/db", [True]),
        ("local", "influxdb1+http://h:8086/db", [False]),
        ("local", "nonsense", [False]),
    ],
)
def test_a_name_means_the_stores_its_url_can_be(
    name: str, url: str, kinds: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(url_variable(name), url)
    assert keys_named(name) == [StoreKey(name, documents) for documents in kinds]


def test_either_kind_is_opened_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_LOCAL_URL", "sqlite:///a.db")
    assert isinstance(open_any(StoreKey("local")), SqliteStore)
    assert isinstance(open_any(StoreKey("local", True)), SqliteDocuments)
    with pytest.raises(ValueError, match="LABMON_NOWHERE_URL is not set"):
        keys_named("nowhere")
