"""Each answer of a server, and what comes of it: rows refused, an error that says what to do, another try."""

from __future__ import annotations

import itertools
import json
import time
from contextlib import closing

import pytest

from labmon_dagster.stores import StoreError
from labmon_dagster.stores.influxdb import Target, link
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.buckets import kept_by
from labmon_dagster.stores.influxdb.link import Place, connect
from labmon_dagster.stores.influxdb.sender import Sender
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.servers.double import Double
from labmon_dagster_tests.servers.process import free_port
from labmon_dagster_tests.servers.web import Answer
from labmon_dagster_tests.stores.influxdb.wire import PLACE, Judging, lines, sent

TEXTS = [f"m x={n} {n}" for n in range(10)]
BODY = b"".join(f"{text}\n".encode() for text in TEXTS)
BUSY = Answer(503, '{"error": "busy"}')

pytestmark = pytest.mark.parametrize("api", [1, 2])


def told(status: int, message: str) -> Answer:
    return Answer(status, json.dumps({"error": message, "message": message}))


@pytest.mark.parametrize("gzip", ["on", "off"])
def test_lines_that_are_taken_need_one_request_a_batch(api: int, gzip: str) -> None:
    with Double() as double:
        assert sent(api, double.url, TEXTS, gzip=gzip, batch=4, senders=1) == []
        assert b"".join(one.body for one in double.requests) == BODY
        assert [one.body.count(b"\n") for one in double.requests] == [4, 4, 2]


@pytest.mark.parametrize(
    "answer",
    [
        told(400, "unexpected EOF"),
        told(400, "database is required"),
        told(307, "go elsewhere"),
        Answer(200, "<html>Welcome to the proxy</html>"),
    ],
)
def test_a_request_that_is_refused_blames_no_line(api: int, answer: Answer) -> None:
    with Double([answer]) as double:
        with pytest.raises(StoreError, match="refuses to write") as error:
            sent(api, double.url, TEXTS)
        assert len(double.requests) == 1
    assert (f"HTTP {answer.status}" if answer.status == 200 else json.loads(answer.body)["error"]) in str(
        error.value
    )


@pytest.mark.parametrize(("status", "said"), [(401, "check"), (403, "check"), (404, "labmon create-store")])
def test_what_people_must_do_is_told_at_once(api: int, status: int, said: str) -> None:
    with Double(itertools.repeat(told(status, "no such thing"))) as double:
        with pytest.raises(StoreError, match=said) as error:
            sent(api, double.url, TEXTS, "hushhush")
        assert len(double.requests) == 1
    text = str(error.value)
    assert ("LABMON_INFLUXDB_" in text) == (status != 404)
    assert "no such thing" in text and "'lab'" in text and "hushhush" not in text


def test_what_is_too_large_is_halved_until_it_fits(api: int) -> None:
    wide = f'm s="{"x" * 500}" 99'
    with Judging(lambda some: Answer(413 if sum(map(len, some)) > 40 else 204)) as server:
        refusals = sent(api, server.url, [*TEXTS[:5], wide, *TEXTS[5:]])
        assert [number for number, _ in refusals] == [5]
        assert sorted(server.taken) == sorted(text.encode() for text in TEXTS)


def test_no_body_is_larger_than_servers_allow(api: int) -> None:
    large = [f'm s="{"x" * 2_000_000}" {n}' for n in range(12)]
    with Double() as double:
        assert sent(api, double.url, large) == []
        assert [len(one.body) < 10_000_001 for one in double.requests] == [True] * len(double.requests)
        assert sum(one.body.count(b"\n") for one in double.requests) == 12


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_a_pause_gets_it(api: int, status: int) -> None:
    with Double([Answer(status, "busy", {"Retry-After": "1"})]) as double:
        begun = time.monotonic()
        assert sent(api, double.url, TEXTS) == []
        assert 1.0 <= time.monotonic() - begun < 2.0
        assert [one.body for one in double.requests] == [BODY, BODY]


@pytest.mark.parametrize("asked", ["3600", "61"])
def test_a_pause_that_is_too_long_is_an_error(api: int, asked: str) -> None:
    with Double([Answer(429, "busy", {"Retry-After": asked})]) as double:
        with pytest.raises(StoreError, match="429: busy; nothing is lost"):
            sent(api, double.url, TEXTS)
        assert len(double.requests) == 1


@pytest.mark.parametrize(
    "hindrance",
    [
        Answer(429),
        BUSY,
        Answer(503, "busy", {"Retry-After": "Fri, 07 Nov 2031 23:59:59 GMT"}),
        told(500, "engine: no"),
        Answer(502, "<html>"),
        Answer(408),
        Answer(drop=True),
        Answer(400, '{"error": "unable to pa', {"Content-Length": "900", "Connection": "close"}),
    ],
)
def test_what_passes_is_waited_for(api: int, hindrance: Answer) -> None:
    with Double([hindrance]) as double:
        assert sent(api, double.url, TEXTS, patience=5) == []
        assert [one.body for one in double.requests] == [BODY, BODY]


def test_a_server_that_does_not_recover_is_an_error_in_time(api: int) -> None:
    begun = time.monotonic()
    with Double(itertools.repeat(BUSY)) as double:
        with pytest.raises(StoreError, match="HTTP 503: busy; nothing is lost"):
            sent(api, double.url, TEXTS, patience=1)
        assert len(double.requests) > 1
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("answer", [BUSY, Answer(drop=True), told(500, "no")])
def test_without_patience_there_is_one_try(api: int, answer: Answer) -> None:
    with Double(itertools.repeat(answer)) as double:
        with pytest.raises(StoreError, match="writing to 'lab'") as error:
            sent(api, double.url, TEXTS, patience=0)
        assert "tried again" not in str(error.value)
        assert len(double.requests) == 1
        with pytest.raises(StoreError, match="NewConnectionError"):
            sent(api, f"http://127.0.0.1:{free_port()}", TEXTS, patience=0)


def test_a_server_that_never_answers_is_given_up(api: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_ANSWER", 0.2)
    with Double(itertools.repeat(Answer(delay=60))) as double:
        with pytest.raises(StoreError, match="ReadTimeoutError"):
            sent(api, double.url, TEXTS, patience=0)
        assert len(double.requests) == 1


@pytest.mark.parametrize("bad", range(6))
def test_an_error_shows_at_one_of_the_next_calls(api: int, bad: int) -> None:
    script = [*([Answer()] * bad), told(401, "no")]
    with Double([*script, *([Answer()] * 20)]) as double:
        target = Target.parse(influx_url(api, double.url, "lab", senders=1))
        sender = Sender(connect(target))
        with pytest.raises(StoreError, match="401"):
            for text in TEXTS[:6]:
                sender.send(lines(text), PLACE, "ns", lambda *_: None)
            sender.settle()
        requests = len(double.requests)
        sender.settle()
        assert len(double.requests) == requests, "what came behind it is neither sent nor reported as written"
        sender.send(lines(TEXTS[0]), PLACE, "ns", lambda *_: None)
        sender.settle()
        sender.close()


def test_half_an_answer_is_asked_for_again(api: int) -> None:
    half = Answer(200, '{"results":[{"ser', {"Content-Length": "900", "Connection": "close"})
    whole = Answer(200, '{"results":[{"series":[{"columns":["time","x"],"values":[[1,2]]}]}]}')
    with Double([half, whole], scripted="/query") as double:
        answers = Answers(connect(Target.parse(influx_url(api, double.url, "lab", patience=5))), Place("lab"))
        assert [one.rows() for one in answers.ask("SELECT x FROM m")[0]] == [[[1, 2]]]
        assert len(double.requests) == 2


def test_a_server_that_lists_no_buckets_has_none(api: int) -> None:
    with Double([Answer(200, "{}", {"Content-Type": "application/json"})], scripted="/buckets") as double:
        with closing(connect(Target.parse(influx_url(2, double.url, "lab")))) as asked:
            assert kept_by(asked, "lab") is None
        assert len(double.requests) == 1


def test_an_answer_that_is_none_is_an_error_in_words(api: int) -> None:
    with Double([Answer(200, "<html>Welcome</html>")], scripted="/query") as double:
        answers = Answers(connect(Target.parse(influx_url(api, double.url, "lab"))), Place("lab"))
        with pytest.raises(StoreError, match="Welcome"):
            answers.ask("SHOW DATABASES")
