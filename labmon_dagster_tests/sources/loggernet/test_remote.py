"""Tables in remote folders; passwords are used and never shown."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import fsspec
import paramiko
import pytest

from labmon_dagster.model import SourceError
from labmon_dagster.sources.loggernet import remote
from labmon_dagster.sources.loggernet.folder import Folder
from labmon_dagster_tests.sources.loggernet.reading import NOW, SPEC, Look, files, look, request, row, table
from labmon_dagster_tests.sources.loggernet.sftp_server import PASSWORD, USER, Server, sftp_server

QUOTED = quote(PASSWORD, safe="")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LABMON_SFTP_PASSWORD", "LABMON_SFTP_PASSWORD_FILE", "LABMON_SFTP_KNOWN_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.dat").write_bytes(table(1, 2) + b"rubbish\r\n")
    with sftp_server(tmp_path) as running:
        yield running


def url(server: Server, password: str | None = QUOTED) -> str:
    login = USER if password is None else f"{USER}:{password}"
    return f"sftp://{login}@127.0.0.1:{server.port}/data"


def hidden(*shown: object) -> None:
    text = "\n".join(map(repr, shown)) + "\n".join(map(str, shown))
    for secret in (PASSWORD, QUOTED, "s3cret"):
        assert secret not in text


def test_in_memory():
    system = fsspec.filesystem("memory")
    system.pipe_file("/lab/a.dat", table(1, 2))
    source = files("memory://lab")
    try:
        first = look(source)
        system.pipe_file("/lab/a.dat", table(1, 2) + row(3)[:-4])
        second = look(source, first.position)
        third = look(source, second.position, NOW + 10**10)
        system.mv("/lab/a.dat", "/lab/a.bak")
        system.pipe_file("/lab/a.dat", table(4))
        fourth = look(source, third.position, NOW + 10**10)
    finally:
        system.rm("/lab", recursive=True)
    assert [seen.numbers for seen in (first, second, third, fourth)] == [[1, 2], [], [3], [4]]


def test_over_sftp(server: Server, tmp_path: Path):
    source = files(url(server))
    first = look(source)
    assert first.numbers == [1, 2]
    assert [one.reason for one in first.rejects] == ["1 columns where the header names 4"]
    assert not source.news(first.position)
    with (tmp_path / "data" / "a.dat").open("ab") as file:
        file.write(row(3) + row(4)[:-3])
    second = look(source, first.position)
    third = look(source, second.position, NOW + 10**10)
    assert (second.numbers, third.numbers) == ([3], [4])
    hidden(source, source.folder, first.rejects, first.facts, first.batches, first.position)


def test_a_large_file_over_sftp(server: Server, tmp_path: Path):
    (tmp_path / "data" / "a.dat").write_bytes(table(*range(3500)))
    assert look(files(url(server), SPEC, 10_000)).numbers == list(range(3500))


def test_a_lost_connection_is_made_anew(server: Server):
    source = files(url(server))
    position = look(source).position
    server.drop()
    assert not source.news(position)
    assert look(source).numbers == [1, 2]


def test_a_connection_lost_while_a_file_is_read(server: Server, tmp_path: Path):
    (tmp_path / "data" / "a.dat").write_bytes(table(*range(3500)))
    source = files(url(server), SPEC, 10_000)
    readings = source.read(request())
    first = next(iter(readings.batches))
    server.drop()
    rest = Look(readings)
    assert first.rows.num_rows > 0
    assert len(rest.trouble) == 1
    assert rest.trouble[0].startswith("a.dat cannot be read: ")
    hidden(*rest.trouble)
    mark = {first.stream: first.mark}
    read_on = look(source, {**mark, **rest.position})
    assert first.rows.num_rows + len(rest.rows) + len(read_on.rows) == 3500


def test_no_permission_and_no_folder(server: Server, tmp_path: Path):
    (tmp_path / "data" / "forbidden.dat").write_bytes(table(9))
    seen = look(files(url(server)))
    assert seen.numbers == [1, 2]
    assert seen.trouble == ["forbidden.dat cannot be read: Permission denied"]
    with pytest.raises(SourceError, match=r"/data/none does not exist"):
        files(url(server) + "/none").read(request())


@pytest.mark.parametrize("from_file", [False, True])
def test_the_password_comes_from_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_file: bool
):
    if from_file:
        (tmp_path / "secret").write_text(PASSWORD + "\n")
        monkeypatch.setenv("LABMON_SFTP_PASSWORD_FILE", str(tmp_path / "secret"))
    else:
        monkeypatch.setenv("LABMON_SFTP_PASSWORD", PASSWORD)
    source = files(url(server, None))
    assert look(source).numbers == [1, 2]
    hidden(source, source.folder, source.folder.shown)


def test_a_secret_file_that_is_not_there(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABMON_SFTP_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(SourceError, match=r"LABMON_SFTP_PASSWORD_FILE: .* cannot be read"):
        files(url(server, None)).read(request())


def test_a_refused_login_tells_no_secret(server: Server):
    wrong = quote(PASSWORD + "x", safe="")
    with pytest.raises(SourceError, match="Authentication failed") as caught:
        files(url(server, wrong)).read(request())
    hidden(caught.value, "".join(traceback.format_exception(caught.value)))


def test_no_server_tells_no_secret(server: Server):
    with pytest.raises(SourceError, match=r"folder sftp://127\.0\.0\.1:1/data: ") as caught:
        files(f"sftp://{USER}:{QUOTED}@127.0.0.1:1/data").read(request())
    hidden(caught.value, "".join(traceback.format_exception(caught.value)))


def test_a_password_that_was_not_quoted_is_not_shown(server: Server):
    assert look(files(url(server, PASSWORD))).numbers == [1, 2]
    with pytest.raises(SourceError) as caught:
        files(url(server, PASSWORD + "@x/")).read(request())
    hidden(caught.value, "".join(traceback.format_exception(caught.value)))
    hidden(Folder(url(server, PASSWORD), ("a",)))


def known_hosts(path: Path, server: Server, key: paramiko.PKey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[127.0.0.1]:{server.port} {key.get_name()} {key.get_base64()}\n")


def test_the_key_in_known_hosts_is_taken(server: Server, tmp_path: Path):
    known_hosts(tmp_path / "home" / ".ssh" / "known_hosts", server, server.key)
    assert look(files(url(server))).numbers == [1, 2]


def test_another_key_than_that_in_known_hosts_is_refused(server: Server, tmp_path: Path):
    known_hosts(tmp_path / "home" / ".ssh" / "known_hosts", server, paramiko.RSAKey.generate(1024))
    with pytest.raises(SourceError, match=r"is not the one in .*known_hosts"):
        files(url(server)).read(request())


def test_an_unknown_host_is_refused_where_known_hosts_are_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "hosts").write_text("")
    monkeypatch.setenv("LABMON_SFTP_KNOWN_HOSTS", str(tmp_path / "hosts"))
    with pytest.raises(SourceError, match="is not the one in"):
        files(url(server)).read(request())
    known_hosts(tmp_path / "hosts", server, server.key)
    assert look(files(url(server))).numbers == [1, 2]


def test_errors_never_hold_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABMON_SMB_PASSWORD", PASSWORD)
    assert remote.said(ValueError(f"login {PASSWORD} failed")) == "login *** failed"
    assert remote.options("smb://lab@pc/share")["password"] == PASSWORD


def test_smb_lets_loggernet_write():
    assert remote.options("smb://pc/share")["share_access"] == "rwd"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/data/lab", "/data/lab"),
        ("sftp://pc/dir", "sftp://pc/dir"),
        ("sftp://lab@pc:22/dir", "sftp://pc:22/dir"),
        ("smb://dom;lab:pw@pc/share/dir", "smb://pc/share/dir"),
        ("sftp://lab:a/b@c@pc/dir", "sftp://pc/dir"),
        ("sftp://lab:a@b@pc/dir", "sftp://pc/dir"),
        ("sftp://lab:pw@pc/dir@2", "sftp://pc/dir@2"),
        ("sftp://pc/dir@2", "sftp://pc/dir@2"),
    ],
)
def test_how_a_folder_is_shown(given: str, shown: str):
    assert Folder(given, ("*.dat",)).shown == shown


def test_an_unknown_kind_of_url():
    with pytest.raises(SourceError, match="nonsense"):
        files("nonsense://pc/dir").read(request())


@pytest.mark.skipif(
    "LABMON_TEST_SMB_URL" not in os.environ,
    reason="LABMON_TEST_SMB_URL names no share to try: set it to the URL of a folder with a .dat table",
)
def test_over_smb():
    source = files(os.environ["LABMON_TEST_SMB_URL"])
    seen = look(source, now=2**62)
    assert not seen.trouble
    assert seen.rows or seen.rejects
    assert not source.news(seen.position)
