"""MongoDB that is away, dies, refuses, or must not be trusted: nothing is reported that is not safe."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from labmon_dagster.model import DAY
from labmon_dagster.stores import StoreError, owner_of
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster.stores.documents.mongo.records import counting
from labmon_dagster_tests.servers.certificate import write_certificate
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.process import free_port
from labmon_dagster_tests.stores.documents.records import (
    EVER,
    OWNER,
    TOKEN,
    bodies,
    document,
    everything,
    mongo_url,
    put,
)
from labmon_dagster_tests.stores.test_books import FULL


@pytest.fixture
def store(mongod: Mongod, mongo_database: str) -> Iterator[MongoDocuments]:
    one = MongoDocuments(mongo_url(mongod, mongo_database))
    yield one
    one.close()


def test_a_server_that_is_away_is_an_error_at_first_use_within_seconds() -> None:
    store = MongoDocuments(f"mongodb://lab@127.0.0.1:{free_port()}/lab", "s3cret")
    assert "s3cret" not in repr(store) and "lab" in repr(store)
    start = time.monotonic()
    with pytest.raises(StoreError, match=r"is away: .*See that it runs") as caught:
        store.collections()
    assert time.monotonic() - start < 10
    assert "s3cret" not in str(caught.value)


@pytest.mark.slow
def test_a_server_that_goes_and_stays_away(own_mongod: Mongod) -> None:
    store = MongoDocuments(mongo_url(own_mongod, "lab"), patience=2)
    put(store, "runs", [document("a")])
    own_mongod.kill()
    start = time.monotonic()
    with pytest.raises(StoreError, match="is away"):
        put(store, "runs", [document("b")])
    assert time.monotonic() - start < 12
    own_mongod.start()
    put(store, "runs", [document("c")])
    assert set(bodies(store)) >= {"a", "c"}
    store.close()


@pytest.mark.slow
def test_nothing_reported_is_lost_when_the_server_is_killed(own_mongod: Mongod) -> None:
    store = MongoDocuments(mongo_url(own_mongod, "lab"), patience=40)
    reported: list[int] = []
    done = threading.Event()

    def write() -> None:
        batch = 0
        while not done.is_set():
            put(store, "runs", [document(f"{batch}-{n}", batch, n=n) for n in range(5_000)])
            store.enter([FULL])
            reported.append(batch)
            batch += 1

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(3):
        before = len(reported)
        while len(reported) < before + 2:
            time.sleep(0.01)
        time.sleep(0.05)
        own_mongod.kill()
        own_mongod.start()
    done.set()
    writer.join()
    found = store.count("runs", EVER, 1)
    assert {batch: found[batch] for batch in reported} == dict.fromkeys(reported, 5_000)
    assert len(reported) >= 6
    store.close()


@pytest.mark.slow
def test_reading_goes_on_where_the_connection_was_lost(own_mongod: Mongod) -> None:
    store = MongoDocuments(mongo_url(own_mongod, "lab"))
    put(store, "runs", [document(f"{n:05}", n // 3, text="x" * 1000) for n in range(20_000)])
    seen = []
    for one in store.fetch("runs", EVER):
        seen.append(one.id)
        if len(seen) in {100, 5_000}:
            own_mongod.kill()
            own_mongod.start()
    assert seen == [f"{n:05}" for n in range(20_000)]
    store.close()


def test_documents_of_more_than_16_megabytes_are_refused_and_others_not(store: MongoDocuments) -> None:
    largest = 16 * 1024 * 1024 - 400
    sizes = {"small": 10, "large": largest, "larger": largest + 400, "huge": 2 * largest}
    admitted = store.admit([document(name, 0, x="x" * size) for name, size in sizes.items()], TOKEN)
    assert [one.id for one in admitted.kept] == ["small", "large"]
    assert [one.document.id for one in admitted.refused] == ["larger", "huge"]
    assert all("up to 16 MB" in one.reason for one in admitted.refused)
    assert store.write("runs", admitted.kept) == {}
    assert {name: len(body["x"]) for name, body in bodies(store).items()} == {"small": 10, "large": largest}


def test_a_user_and_a_password(mongod: Mongod, mongo_database: str) -> None:
    with MongoClient[dict[str, object]](mongod.url) as client:
        roles = [{"role": "readWrite", "db": mongo_database}]
        client[mongo_database].command("createUser", "lab user", pwd="p@ss:w/rd", roles=roles)
    url = mongo_url(mongod, mongo_database).replace("//", "//lab%20user@")
    right, wrong = MongoDocuments(url, "p@ss:w/rd"), MongoDocuments(url, "s3cret")
    put(right, "runs", [document("a")])
    with pytest.raises(StoreError, match="refuses the user 'lab user': check name and password") as caught:
        put(wrong, "runs", [document("b")])
    assert "s3cret" not in str(caught.value) + str(caught.value.__cause__)
    assert list(bodies(right)) == ["a"]
    right.close()
    wrong.close()


class TlsMongod(Mongod):
    """A MongoDB with a certificate of its own; it speaks TLS to those who want it."""

    def command(self) -> list[str]:
        certificate, key = write_certificate(self.folder)
        both = self.folder / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        return [*super().command(), "--tlsMode", "preferTLS", "--tlsCertificateKeyFile", str(both)]


def test_certificates_are_verified(tmp_path: Path) -> None:
    with TlsMongod(tmp_path / "mongod") as server:
        url = mongo_url(server, "lab")
        trusting = MongoDocuments(f"{url}&tls=true&tlsCAFile={server.folder / 'certificate.pem'}")
        put(trusting, "runs", [document("a")])
        trusting.close()
        doubting = MongoDocuments(f"{url}&tls=true")
        with pytest.raises(StoreError, match="certificate verify failed"):
            doubting.collections()
        doubting.close()


def test_a_bulk_error_says_which_documents_it_concerns(
    store: MongoDocuments, mongod: Mongod, mongo_database: str
) -> None:
    put(store, "runs", [document("first", n=1)])
    with MongoClient[dict[str, object]](mongod.url) as client:
        rules = {"n": {"$ne": 13}}
        client[mongo_database].command("collMod", "runs", validator=rules)
        client[mongo_database]["runs"].create_index("unique", unique=True, sparse=True)
    given = [
        document("a", n=13),
        document("b", n=2, unique=1),
        document("c", n=3, unique=1),
        document("first", n=4),
    ]
    for _ in range(2):
        refused = store.write("runs", store.admit(given, TOKEN).kept)
        assert set(refused) <= {"a", "b", "c"} and len(refused) == 2 and "a" in refused
        assert "validation" in refused["a"] and "(code 121)" in refused["a"]
        assert {"first": {"n": 4}}.items() <= bodies(store).items()
        assert len(everything(store)) == 2


def test_a_record_that_labmon_did_not_write(
    store: MongoDocuments, mongod: Mongod, mongo_database: str
) -> None:
    put(store, "runs", [document("a")])
    with MongoClient[dict[str, object]](mongod.url) as client:
        client[mongo_database]["runs"].insert_one({"_id": "old", "x": 1})
        client[mongo_database]["others"].insert_one({"_id": "old", "x": 1})
    assert store.find("runs", ["old"])["old"] == ("old", 0, {"x": 1}, 0, 0, 0)
    assert store.collections() == ["runs"]


def test_it_counts_by_the_index_alone(store: MongoDocuments, mongod: Mongod, mongo_database: str) -> None:
    put(store, "runs", [document(f"{n}", n) for n in range(1000)])
    with MongoClient[dict[str, object]](mongod.url) as client:
        steps = counting(EVER, DAY, owner_of(OWNER))
        asked = {"aggregate": "runs", "pipeline": steps, "cursor": {}}
        plan = client[mongo_database].command("explain", asked, verbosity="executionStats")
    assert "IXSCAN" in str(plan) and "FETCH" not in str(plan)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mongodb://host:27017", "database is missing; write mongodb://"),
        ("mongodb://host:27017/", "database is missing"),
        ("mongodb:///lab", "host is missing"),
        ("mongodb://u:s3cret@host/lab", "no password in the URL"),
        ("mongodb://u:s3c/ret@host/lab", "no password in the URL"),
        ("http://host/lab", "'http' is no MongoDB"),
        ("mongodb://host/a b", "a name MongoDB does not allow"),
        ("mongodb://host/" + "x" * 64, "a name MongoDB does not allow"),
    ],
)
def test_urls_that_are_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        MongoDocuments(url)
    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mongodb://a,b:27018,[::1]:27019/lab?replicaSet=rs0", "mongodb+srv://u@cluster.invalid/lab?w=1"]
)
def test_making_a_store_opens_nothing(url: str) -> None:
    MongoDocuments(url).close()


def test_a_password_needs_a_user() -> None:
    with pytest.raises(ValueError, match="mongodb://USER@HOST/DATABASE"):
        MongoDocuments("mongodb://host/lab", "s3cret")


@pytest.mark.filterwarnings("ignore:Unknown option")
@pytest.mark.parametrize(
    "url",
    [
        "mongodb://u@127.0.0.1:1/lab?nonsense=1&tls=true&tlsCAFile=/nowhere/ca.pem",
        "mongodb+srv://u@cluster.invalid/lab",
    ],
)
def test_settings_that_fail_at_first_use(url: str) -> None:
    store = MongoDocuments(url, "s3cret")
    with pytest.raises(StoreError, match="MongoDB at ") as caught:
        store.collections()
    assert "s3cret" not in str(caught.value)
