"""The original module's examples for runs, streams and queries: the lines of the imports have changed.

What else had to be mended is said beside it. The examples of runs and streams want detectors that are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as Mongo

from labmon_dagster.clients.ricochetdb import Database, DetectorManager
from labmon_dagster_tests.servers.mongo import Mongod

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
CONNECT = """
from labmon_dagster.clients.ricochetdb import Database
db = Database.get_database()
db.set_address("mongodb://<USER>:<PASSWORD>@<SERVER>:<PORT>")
db.set_db_name("<DB_NAME>")
"""
# The original has its two first imports in one line, without the semicolon. So have those below.
CREATE_RUN = """
from datetime import datetime as dt; import datetime
from dateutil import parser
from labmon_dagster.clients.ricochetdb import RunManager

sr = RunManager("lio_run_info", "lio_detector_info")
try:
    start = parser.parse("2022-05-11T14:35:30.412") # Must be in UTC!
    stop = parser.parse("2022-05-11T14:43:48.586")
    sr.create({'name': 'testRun01',
               'detector': [{'name':'RED15'}, {'name':'RED234'}],
               'start_date':start,
               'stop_date':stop,
               'description': ''})
except RuntimeError as e:
    print(e)
"""
STOP_RUN = """
from datetime import datetime as dt; import datetime
from dateutil import parser
from labmon_dagster.clients.ricochetdb import RunManager

sr = RunManager("lio_run_info", "lio_detector_info")
try:
    stop = parser.parse("2022-05-11T14:43:48.586")
    sr.stop('testRun01', stop)
    #sr.stop('testRun01') #also possible : will use the current UTC date
except RuntimeError as e:
    print(e)
"""
CREATE_STREAM = """
from datetime import datetime as dt; import datetime
from dateutil import parser
from labmon_dagster.clients.ricochetdb import StreamManager

sm = StreamManager("lio_stream_info", "lio_detector_info")
try:
    start = parser.parse("2022-05-11T14:35:30.412")
    stop = parser.parse("2022-05-11T14:43:48.586")
    sm.create({'name': 'testStream001',
               'acq_config': {'modulation': True, 'd2': 250, 'd3': 400, 'Rt': 1, 'maintenance': False},
               'channel_config': [{'det_name': 'FID1', 'chan_name': 'ChalA', 'amplitude': 0.11,
                                   'compensation': 0.771, 'correction': 38, 'gain': 1},
                                  {'det_name': 'FID1', 'chan_name': 'ChalB', 'amplitude': 0.11,
                                   'compensation': 0.624, 'correction': 35, 'gain': 1}],
               'start_date':start,
               'stop_date':stop,
               'comment': '',
               'status': 'good'})
except RuntimeError as e:
    print(e)
"""
ADD_HISTORY = """
ts = dt.utcnow()
sm.add_history_record(ts,'testStream001','FID1','processed','87B5E5A','New processing with corrected code')
"""
# The original calls `dt.datetime`, so that dt is the module; it prints i, which is no name of it, for r.
QUERY = """
import datetime as dt
myquery = { "timestamp": { "$gt": dt.datetime(2020,4,14) } }
for r in Database.get_database().get_collection("mmr3-2020").find(myquery).limit(5):
    print(r)
"""
DISCONNECT = "Database.get_database().close()\n"
START, STOP = datetime(2022, 5, 11, 14, 35, 30, 412_000), datetime(2022, 5, 11, 14, 43, 48, 586_000)


@pytest.fixture
def connect(mongod: Mongod, mongo_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The first example with the server of this test, which knows a user of that name."""
    monkeypatch.setattr(Database, "handler", None)
    with MongoClient[dict[str, Any]](mongod.url) as client:
        roles = [{"role": "readWrite", "db": mongo_database}]
        # The example's address names no database, so that its user is one of `admin`.
        client.admin.command("createUser", mongo_database, pwd="a secret", roles=roles)
    values = {
        "USER": mongo_database,
        "PASSWORD": "a+secret",
        "SERVER": "127.0.0.1",
        "DB_NAME": mongo_database,
    }
    text = CONNECT.replace("<PORT>", str(mongod.port))
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


@pytest.fixture
def theirs(mongod: Mongod, mongo_database: str, connect: str) -> Iterator[Mongo[dict[str, Any]]]:
    """The database as any other program sees it, with the detectors of the examples."""
    exec(connect, {})
    for name in ("RED15", "RED234", "FID1"):
        DetectorManager("lio_detector_info").create({"name": name})
    Database.get_database().close()
    Database.handler = None
    with MongoClient[dict[str, Any]](mongod.url) as client:
        yield client[mongo_database]
        client.admin.command("dropUser", mongo_database)


def test_runs(connect: str, theirs: Mongo[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    exec(connect + CREATE_RUN + DISCONNECT, {})
    (found,) = theirs["lio_run_info"].find({}, {"_labmon": 0})
    assert found == {
        "_id": "testRun01",
        "name": "testRun01",
        "detector": [{"name": "RED15"}, {"name": "RED234"}],
        "start_date": START,
        "start_date_ns": 1_652_279_730_412_000_000,
        "stop_date": STOP,
        "stop_date_ns": 1_652_280_228_586_000_000,
        "description": "",
    }
    assert capsys.readouterr().out == ""
    exec(connect + CREATE_RUN + STOP_RUN + DISCONNECT, {})
    there, over = capsys.readouterr().out.splitlines()
    assert there == "run 'testRun01' in lio_run_info: field name: there is a record of this name already"
    assert over.startswith(
        "run 'testRun01' in lio_run_info: field stop_date: it was stopped already, at 2022-"
    )
    assert list(theirs["lio_run_info"].find({}, {"_labmon": 0})) == [found]


@pytest.mark.parametrize("now", [False, True])
def test_a_run_is_stopped_later(
    connect: str, theirs: Mongo[dict[str, Any]], capsys: pytest.CaptureFixture[str], now: bool
) -> None:
    exec(connect + CREATE_RUN.replace("'stop_date':stop,", ""), {})
    also = STOP_RUN.replace("sr.stop('testRun01', stop)", "").replace("#sr.stop", "sr.stop")
    exec(connect + (also if now else STOP_RUN), {})
    (found,) = theirs["lio_run_info"].find()
    passed = (datetime.now(UTC).replace(tzinfo=None) - found["stop_date"]).total_seconds()
    assert (0 <= passed < 60) if now else found["stop_date"] == STOP
    assert capsys.readouterr().out == ""


def test_streams_and_their_history(
    connect: str, theirs: Mongo[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(connect + CREATE_STREAM + ADD_HISTORY + DISCONNECT, {})
    (found,) = theirs["lio_stream_info"].find()
    assert (found["start_date"], found["stop_date"], found["status"]) == (START, STOP, "good")
    assert found["acq_config"] == {"modulation": True, "d2": 250, "d3": 400, "Rt": 1, "maintenance": False}
    assert [one["compensation"] for one in found["channel_config"]] == [0.771, 0.624]
    (entry,) = found["history"]
    assert abs((datetime.now(UTC).replace(tzinfo=None) - entry.pop("timestamp")).total_seconds()) < 60
    entry.pop("timestamp_ns")
    assert entry == {
        "det_name": "FID1",
        "label": "processed",
        "code_commit": "87B5E5A",
        "description": "New processing with corrected code",
    }
    assert capsys.readouterr().out == ""


def test_a_query(connect: str, theirs: Mongo[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    days = [datetime(2020, 4, day) for day in range(12, 25)]
    theirs["mmr3-2020"].insert_many([{"_id": one.day, "timestamp": one} for one in days])
    exec(connect + QUERY + DISCONNECT, {})
    told = capsys.readouterr().out.splitlines()
    assert (
        told == [str({"_id": one.day, "timestamp": one}) for one in days if one > datetime(2020, 4, 14)][:5]
    )
