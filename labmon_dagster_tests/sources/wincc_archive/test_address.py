"""URLs of archives: which are understood, and that errors show no password."""

from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster.sources.wincc_archive.address import Address
from labmon_dagster.sources.wincc_archive.oracle import OracleArchive
from labmon_dagster.sources.wincc_archive.sqlite import SqliteArchive


def opened(url: str) -> object:
    return Address.parse(url).archive("S", Path("/home/lab"), lambda: "hush", 30.0)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///lab/a.db", "/home/lab/lab/a.db"),
        ("sqlite:////data/a.db", "/data/a.db"),
        ("sqlite:////data/with%20space.db", "/data/with space.db"),
    ],
)
def test_files(url: str, path: str) -> None:
    archive = opened(url)
    assert isinstance(archive, SqliteArchive)
    assert (archive.path, archive.schema) == (Path(path), "S")


def test_oracle() -> None:
    archive = opened("oracle://CMS_R@cmsr-s.cern.ch:10121/cmsr.cern.ch")
    assert isinstance(archive, OracleArchive)
    found = (archive.host, archive.port, archive.service, archive.user, archive.timeout)
    assert found == ("cmsr-s.cern.ch", 10121, "cmsr.cern.ch", "CMS_R", 30.0)
    assert archive.shown == "Oracle at cmsr-s.cern.ch:10121/cmsr.cern.ch"
    other = opened("oracle://u%40x@h/s")
    assert isinstance(other, OracleArchive)
    assert (other.user, other.port) == ("u@x", 1521)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("oracle://u:hush@h:1/s", "a password does not belong in the URL"),
        ("oracle://h:1/s", "user, host or service is missing"),
        ("oracle://u@h:1/", "user, host or service is missing"),
        ("oracle://u@h:99999/s", "the port is a number up to 65535"),
        ("oracle://u@h:x/s", "the port is a number up to 65535"),
        ("oracle://u@h/s?encoding=x", "nothing may follow the ?"),
        ("sqlite://a.db", "this is no archive"),
        ("sqlite:///", "this is no archive"),
        ("postgresql://h/d", "this is no archive; write oracle://USER@HOST:PORT/SERVICE or sqlite:///FILE"),
        ("", "this is no archive"),
    ],
)
def test_other_urls_are_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        opened(url)
    assert said in str(refused.value)
    assert "hush" not in str(refused.value)
