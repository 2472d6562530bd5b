"""The stand-ins: InfluxDB 2's API before the real engine, and the server that follows a script."""

from __future__ import annotations

import gzip
import http.client
import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from influxdb_client import BucketRetentionRules, InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi
from influxdb_client.rest import ApiException

from labmon_dagster_tests.servers.double import Answer, Double
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator

TOKEN = "t-1"
PRECISIONS = {"ns": 1_000_000_000, "us": 1_000_000, "ms": 1_000, "s": 1}


@pytest.fixture
def translator(influxd: Influxd) -> Iterator[Translator]:
    with Translator(influxd, token=TOKEN) as one:
        yield one


@pytest.fixture(params=[True, False], ids=["gzip", "plain"])
def client(translator: Translator, request: pytest.FixtureRequest) -> Iterator[InfluxDBClient]:
    with InfluxDBClient(translator.url, TOKEN, org="lab", enable_gzip=request.param) as one:
        yield one


@pytest.fixture
def api(client: InfluxDBClient) -> WriteApi:
    return client.write_api(write_options=SYNCHRONOUS)


def said(error: pytest.ExceptionInfo[ApiException]) -> tuple[int, str]:
    return error.value.status, str(error.value.body)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_client_of_influxdb_2_writes_into_the_engine(
    api: WriteApi, influxd: Influxd, influx_database: str, precision: str
) -> None:
    stamp = 1_700_000_000 * PRECISIONS[precision]
    api.write(
        influx_database, record=f"m,site=a v=0.1,n=9007199254740993i {stamp}", write_precision=precision
    )
    rows = influxd.query("SELECT * FROM m", db=influx_database)
    assert rows == [{"time": 1_700_000_000_000_000_000, "site": "a", "v": 0.1, "n": 9007199254740993}]


def test_a_wrong_token_is_refused(translator: Translator, influx_database: str) -> None:
    with (
        InfluxDBClient(translator.url, "wrong", org="lab") as client,
        pytest.raises(ApiException) as error,
    ):
        client.write_api(write_options=SYNCHRONOUS).write(influx_database, record="m v=1")
    assert said(error) == (401, '{"code": "unauthorized", "message": "unauthorized access"}')


def test_a_missing_bucket_is_told(api: WriteApi) -> None:
    with pytest.raises(ApiException) as error:
        api.write("nowhere", record="m v=1")
    assert said(error) == (404, '{"code": "not found", "message": "bucket \\"nowhere\\" not found"}')


@pytest.mark.parametrize("record", ["m v=1,w=", "m v=1\nm v=true"])
def test_lines_that_are_refused_are_told(api: WriteApi, influx_database: str, record: str) -> None:
    api.write(influx_database, record="m v=1")
    with pytest.raises(ApiException) as error:
        api.write(influx_database, record=record)
    status, text = said(error)
    assert status == 400
    assert '"code": "invalid"' in text
    assert "partial write" in text or "unable to parse" in text


def test_a_partial_write_may_be_told_as_influxdb_2_does(influxd: Influxd, influx_database: str) -> None:
    with (
        Translator(influxd, partial=422) as translator,
        InfluxDBClient(translator.url, "", org="o") as client,
    ):
        api = client.write_api(write_options=SYNCHRONOUS)
        api.write(influx_database, record="m v=1 1")
        with pytest.raises(ApiException, match="failure writing points to database: partial write") as error:
            api.write(influx_database, record="m v=1 2\nm v=true 3")
    assert error.value.status == 422


@pytest.mark.parametrize("seconds", [0, 30 * 86400])
def test_buckets_are_made_and_found(client: InfluxDBClient, influxd: Influxd, seconds: int) -> None:
    api = client.buckets_api()
    assert api.find_bucket_by_name("fresh") is None
    try:
        api.create_bucket(bucket_name="fresh", retention_rules=BucketRetentionRules(every_seconds=seconds))
        bucket = api.find_bucket_by_name("fresh")
        assert (bucket.name, [rule.every_seconds for rule in bucket.retention_rules]) == ("fresh", [seconds])
        with pytest.raises(ApiException) as error:
            api.create_bucket(bucket_name="fresh")
        assert error.value.status == 422
    finally:
        influxd.query('DROP DATABASE "fresh"')


def test_questions_pass_through(translator: Translator, client: InfluxDBClient, influx_database: str) -> None:
    assert client.ping()
    client.write_api(write_options=SYNCHRONOUS).write(influx_database, record="m v=1 1")
    fields = {"q": "SELECT v FROM m", "db": influx_database, "epoch": "ns"}
    url = f"{translator.url}/query?{urlencode(fields)}"
    for method in ("GET", "POST"):
        answer = urllib3.request(method, url, headers={"Authorization": f"Token {TOKEN}"})
        assert answer.json()["results"][0]["series"][0]["values"] == [[1, 1]]
    assert urllib3.request("GET", url).status == 401


def test_a_translator_before_a_dead_server_hangs_up(own_influxd: Influxd) -> None:
    with Translator(own_influxd) as translator:
        pool = urllib3.PoolManager(retries=False)
        own_influxd.kill()
        with pytest.raises(urllib3.exceptions.ProtocolError):
            pool.request("POST", f"{translator.url}/api/v2/write?bucket=lab", body=b"m v=1")
        assert pool.request("GET", f"{translator.url}/health").status == 503
        own_influxd.restart()
        assert pool.request("GET", f"{translator.url}/health").json()["status"] == "pass"
        answer: dict[str, Any] = pool.request(
            "POST", f"{translator.url}/api/v2/write?bucket=lab", body=b"m v=1"
        ).json()
        assert answer["code"] == "not found"


def test_a_double_follows_its_script_and_remembers() -> None:
    script = [Answer(503, "busy", {"Retry-After": "7"}), Answer(drop=True), Answer(400, b"no", delay=0.2)]
    with Double(script) as double, urllib3.PoolManager(retries=False) as pool:
        question = pool.request("GET", f"{double.url}/query?q=SHOW+DATABASES")
        assert question.json() == {"results": [{"statement_id": 0}]}
        busy = pool.request("POST", f"{double.url}/write?db=lab&precision=ns", body=b"m v=1")
        assert (busy.status, busy.data, busy.headers["Retry-After"]) == (503, b"busy", "7")
        with pytest.raises(urllib3.exceptions.ProtocolError):
            pool.request("POST", f"{double.url}/write", body=b"m v=2")
        late = pool.request("POST", f"{double.url}/write", body=b"m v=3")
        assert (late.status, late.data) == (400, b"no")
        packed = gzip.compress(b"m v=4")
        last = pool.request("POST", f"{double.url}/write", body=packed, headers={"Content-Encoding": "gzip"})
        assert last.status == 204
        written = [one for one in double.requests if one.path == "/write"]
        assert [one.body for one in written] == [b"m v=1", b"m v=2", b"m v=3", b"m v=4"]
        assert written[0].query == {"db": "lab", "precision": "ns"}
        assert written[3].headers["content-encoding"] == "gzip"


def test_a_double_may_never_end_its_script() -> None:
    with Double(itertools.repeat(Answer(500)), scripted="/api/v2/write") as double:
        statuses = [
            urllib3.request("POST", f"{double.url}{path}", retries=False).status
            for path in ("/api/v2/write", "/write")
        ]
    assert statuses == [500, 204]


def test_a_request_that_breaks_off_is_none() -> None:
    with Double() as double:
        connection = http.client.HTTPConnection("127.0.0.1", double.port)
        connection.putrequest("POST", "/write")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"m v=12")
        connection.close()
        assert urllib3.request("POST", f"{double.url}/write", body=b"m v=123").status == 204
        assert [one.body for one in double.requests] == [b"m v=123"]


def test_the_end_of_a_double_does_not_wait_for_an_answer() -> None:
    with Double([Answer(delay=60)]) as double:
        connection = http.client.HTTPConnection("127.0.0.1", double.port)
        connection.request("POST", "/write", b"m v=1")
    with pytest.raises(ConnectionError):
        connection.getresponse()
