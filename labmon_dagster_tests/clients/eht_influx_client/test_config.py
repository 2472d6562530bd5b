"""The configuration file: as it was published, its better form, and what is said where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient
from labmon_dagster.clients.eht_influx_client.config import Settings
from labmon_dagster.clients.eht_influx_client.reading import settings_of

_PUBLISHED = """
[eht_influx]
url = "http://localhost:8086"
org = 'eht'
bucket = vlbimon_test
token = s3cret#1
url2 = https://cloud.example:443
org2 = world
bucket2 = all_test
token2 = "t0ken # two"
url3 = http://third
csvlogfile = ~/logs/$WHERE/%Y-%m-%d.csv
"""
_SECTIONS = """
[eht_influx]
asset = eht/kp
patience = 500ms
deliver = client
[server local]
url = http://localhost:8086
bucket = vlbimon_test
api = 1
user = me
password_env = MINE
[server global]
url = https://cloud.example
bucket = all_test
order = newest
gzip = on
batch = 500
token_file = {token}
[other program]
anything = at all # with a comment
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WHERE", "kp")
    monkeypatch.setenv("MINE", "w0rd")
    (tmp_path / "token").write_text("from a file\n")
    return tmp_path / "influx_config.ini"


def read(config: Path, text: str, **overrides: Any) -> Settings:
    config.write_text(text)
    return settings_of(config, overrides)


def test_the_published_keys_name_their_servers(config: Path) -> None:
    found = read(config, _PUBLISHED)
    assert list(found.servers) == ["local", "global", "server3"]
    assert [server.secret() for server in found.servers.values()] == ["s3cret#1", "t0ken # two", ""]
    assert [server.bucket for server in found.servers.values()] == [
        "vlbimon_test",
        "all_test",
        "vlbimon_test",
    ]
    assert found.csvlogfile == config.parent / "logs/kp/%Y-%m-%d.csv"
    assert found.servers["local"].target(5.0).org == "eht"


def test_a_section_for_each_server(config: Path) -> None:
    found = read(config, _SECTIONS.format(token=config.parent / "token"))
    local, far = (server.target(found.patience) for server in found.servers.values())
    assert (local.api, local.user, local.secret, local.gzip, local.patience) == (1, "me", "w0rd", False, 0.5)
    assert (far.api, far.base, far.secret, far.gzip, far.batch) == (
        2,
        "https://cloud.example",
        "from a file",
        True,
        500,
    )
    assert found.servers["global"].order == "newest" and found.asset == "eht/kp"


def test_keywords_win_over_the_file(config: Path) -> None:
    found = read(config, _PUBLISHED, bucket2="mine_test", url4="http://fourth", patience="2s", log="~/there")
    assert found.servers["global"].bucket == "mine_test"
    assert found.servers["global"].secret() == "t0ken # two"
    assert list(found.servers)[3] == "server4"
    assert (found.patience, found.log) == (2.0, config.parent / "there")
    found = read(
        config, _SECTIONS.format(token="$HOME/token"), url="http://other", servers={"global": {"batch": 7}}
    )
    assert found.servers["local"].url == "http://other" and found.servers["local"].user == "me"
    assert found.servers["global"].batch == 7 and found.servers["global"].secret() == "from a file"


def test_the_name_of_the_file_expands(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(_PUBLISHED)
    for name in ("~/influx_config.ini", "$HOME/influx_config.ini", str(config)):
        assert EHTInfluxDBClient.from_config_file(name).settings.servers
    with pytest.raises(ValueError, match=r"\$NOWHERE is not set"):
        EHTInfluxDBClient.from_config_file("$NOWHERE/influx_config.ini")


def test_a_client_is_made_of_keywords_alone() -> None:
    client = EHTInfluxDBClient(url="http://localhost:1", bucket="a_test", token="t", deliver="client")
    assert repr(client) == "<EHTInfluxDBClient eht/vlbimon to local http://localhost:1/a_test>"
    assert EHTInfluxDBClient(deliver="dagster").settings.servers == {}


_MAIN = "[eht_influx]\nurl = http://localhost:8086\nbucket = a_test\n"
_SERVER = "[eht_influx]\n[server local]\nurl = http://localhost:8086\nbucket = a_test\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"the section \[eht_influx\] is missing; sections there: none; `labmon eht print-config"),
        ("[influx2]\nurl = x\n", r"\[eht_influx\] is missing; sections there: \[influx2\]"),
        ("url = x\n", r"line 1: it stands before the first section; begin the file with \[eht_influx\]"),
        (f"{_MAIN}org = eht # ours\n", r"\[eht_influx\] org: a comment behind a value"),
        (f"{_MAIN}token = 't' # ours\n", r"\[eht_influx\] token: a comment behind a value"),
        (f'{_MAIN}token = "t\n', r"\[eht_influx\] token: the quote .* is never closed"),
        (f"{_MAIN}bukcet = x\n", "unknown key 'bukcet'; did you mean 'bucket'?"),
        (
            f"{_SERVER}tokn = x\n",
            "server local: unknown key 'tokn'; did you mean 'token'.*allowed: url, bucket",
        ),
        (f"{_MAIN}url1 = x\n", "unknown key 'url1'; did you mean 'url'"),
        (f"{_MAIN}url = y\n", r"line 4: \[eht_influx\] url is there twice"),
        (f"{_MAIN}nothing\n", r"line 4: it is neither a \[section\] nor a line as key = value"),
        (f"{_MAIN}[sever two]\n", r"\[sever two\] is no section of the client; allowed: .*\[server NAME\]"),
        (f"{_MAIN}[server]\n", r"\[server\] is no section of the client"),
        (f"{_MAIN}[server local]\n", r"'local' is in \[eht_influx\] and in \[server local\]"),
        ("[eht_influx]\n[server Kp!]\nurl = http://x\nbucket = a_test\n", "'Kp!' cannot name a server"),
        ("[eht_influx]\norg = x\n", "server local: url is missing: http"),
        ("[eht_influx]\nurl = x\nbucket = a_test", r"server local: url: write http\(s\)://HOST:PORT"),
        ("[eht_influx]\nurl = http://x/a\n", "server local: url: write"),
        ("[eht_influx]\nurl = http://x\nbucket =\n", "server local: bucket: it is empty"),
        ("[eht_influx]\n[server local]\nurl = http://x\n", "server local: bucket is missing"),
        ("[eht_influx]\n", "no server is named; give url and bucket, or deliver = dagster"),
        (f"{_MAIN}deliver = nobody\n", "deliver: Input should be 'client' or 'dagster'"),
        (f"{_MAIN}patience = 5 m\n", "patience: '5 m' is no length of time; .*10min"),
        (f"{_MAIN}log = $NOT_SET/x\n", r"log: a file: \$NOT_SET/x: \$NOT_SET is not set"),
        (f"{_SERVER}api = 3\n", "api: Input should be 1 or 2"),
        (f"{_SERVER}user = me\n", "user means nothing with api = 2"),
        (f"{_SERVER}api = 1\ntoken = x\n", "token means nothing with api = 1"),
        (f"{_SERVER}token = x\ntoken_env = X\n", "token and token_env are given; one is enough"),
        (f"{_MAIN}deliver = dagster\nmetric = 1min\n", "metric .* needs deliver = client"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(config: Path, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read(config, text)
    assert str(config) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{_SERVER}batch = 0\n", "server local: batch='0'; allowed: 1 to 1000000"),
        (f"{_SERVER}token_env = NOT_SET\n", "token_env: the environment variable NOT_SET is not set"),
        (f"{_SERVER}token_file = /not/there\n", "token_file: /not/there cannot be read"),
    ],
)
def test_servers_that_cannot_be_written_to_are_refused(config: Path, text: str, reason: str) -> None:
    config.write_text(text)
    with pytest.raises(ValueError, match=reason):
        EHTInfluxDBClient.from_config_file(config)


def test_a_file_that_is_not_there_is_told(config: Path) -> None:
    with pytest.raises(ValueError, match=r"influx_config.ini: No such file.*print-config"):
        EHTInfluxDBClient.from_config_file(config)


def test_under_pytest_only_buckets_for_tests_are_written(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _MAIN.replace("a_test", "vlbimon_prod")
    with pytest.raises(
        ValueError, match=r"bucket: 'vlbimon_prod' is refused: under pytest .* end.* in _test"
    ):
        read(config, text)
    with pytest.raises(ValueError, match="'vlbimon_prod' is refused"):
        read(config, _MAIN, bucket="vlbimon_prod")
    monkeypatch.setattr("labmon_dagster.clients.eht_influx_client.config.under_pytest", lambda: False)
    assert read(config, text).servers["local"].bucket == "vlbimon_prod"


_SECRETS = ("s3cret#1", "t0ken # two", "w0rd", "from a file")


@pytest.mark.parametrize("text", [_PUBLISHED, _SECTIONS])
def test_no_secret_is_shown(config: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(config, text.format(token=config.parent / "token"))
    client = EHTInfluxDBClient.from_config_file(config)
    shown = f"{found!r} {found} {client!r} {client} {vars(client)} {found.model_dump()} {found.servers}"
    assert not any(secret in shown for secret in _SECRETS)


@pytest.mark.parametrize(
    "wrong",
    [
        "token = s3cret#1\nbatch = many\n",
        "token = 's3cret#1\n",
        "token = s3cret#1\ntoken = s3cret#1\n",
        "s3cret#1\n",
        "token = s3cret#1 # mine\n",
        "token = s3cret#1\napi = 1\n",
        "token = s3cret#1\nnokey = s3cret#1\n",
    ],
)
def test_no_secret_is_shown_in_an_error(config: Path, wrong: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(config, _SERVER + wrong)
    error: BaseException | None = caught.value
    while error:
        assert "s3cret" not in f"{error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
