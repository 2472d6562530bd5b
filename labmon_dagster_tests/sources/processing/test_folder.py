"""The folder of a processing: whole files are read, and only the very file that was read is removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from labmon_dagster.model import SourceError
from labmon_dagster.sources.processing.folder import Folder, check_pattern, digest_of
from labmon_dagster_tests.sources.processing.cases import names, write


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, r"[0-9a-z]{8}\.json")


def test_only_whole_names_of_files_are_matched(folder: Folder) -> None:
    for name in ("0123abcd.json", "0123abcd.jsonx", "x0123abcd.json", "0123ABCD.json"):
        write(folder.path, name, b"{}")
    (folder.path / "aaaaaaaa.json").mkdir()
    os.mkfifo(folder.path / "bbbbbbbb.json")
    (folder.path / "cccccccc.json").symlink_to(folder.path / "nowhere")
    (folder.path / "dddddddd.json").symlink_to(folder.path / "0123abcd.json")
    assert sorted(one.name for one in folder.look()) == ["0123abcd.json", "dddddddd.json"]


def test_a_name_that_is_no_unicode_is_told_and_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")).write_bytes(b"{}")
    assert list(Folder(tmp_path, ".*").look()) == []
    assert "a name that is no Unicode text; the file is left alone" in caplog.text


def test_a_link_that_leads_nowhere_keeps_no_other_file_from_being_seen(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "aaaaaaaa.json").symlink_to(folder.path / "aaaaaaaa.json")
    write(folder.path, "0123abcd.json", b"{}")
    assert [one.name for one in folder.look()] == ["0123abcd.json"]
    assert "aaaaaaaa.json: Too many levels of symbolic links; the link is left alone" in caplog.text


@pytest.mark.parametrize("changed", [2**63 + 1, -5])
def test_a_time_that_no_clock_shows_is_cut_to_64_bits(folder: Folder, changed: int) -> None:
    path = write(folder.path, "0123abcd.json", b"{}")
    os.utime(path, ns=(changed, changed))
    (found,) = folder.look()
    assert found.changed == max(min(path.stat().st_mtime_ns, 2**63 - 1), -(2**63))
    assert folder.read(path.name) == (found, b"{}")
    assert folder.remove(found, digest_of(b"{}"))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"folder {tmp_path}/no does not exist"):
        list(Folder(tmp_path / "no", ".*").look())
    assert list(Folder(tmp_path / "no", ".*", own=True).look()) == []
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match=f"folder {tmp_path}/file cannot be listed: Not a directory"):
        list(Folder(tmp_path / "file", ".*").look())


def test_a_file_that_changes_while_it_is_read_is_not_given(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder.path, "0123abcd.json", b"{}")
    read = os.read

    def grown(fd: int, wanted: int) -> bytes:
        with path.open("ab") as file:
            file.write(b" ")
        return read(fd, wanted)

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", grown)
        assert folder.read(path.name) is None
    assert folder.read(path.name) is not None
    assert folder.read("gone") is None


def test_a_file_that_is_replaced_while_it_is_read_is_not_given(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder.path, "0123abcd.json", b"{}")
    read = os.read

    def replaced(fd: int, wanted: int) -> bytes:
        write(folder.path, "new", b"[]").replace(path)
        return read(fd, wanted)

    monkeypatch.setattr(os, "read", replaced)
    assert folder.read(path.name) is None


def test_only_the_first_bytes_of_a_large_file_are_read(folder: Folder) -> None:
    write(folder.path, "0123abcd.json", b"x" * 1000)
    read = folder.read("0123abcd.json", 10)
    assert read is not None
    assert (read[0].size, read[1]) == (1000, b"x" * 10)


@pytest.mark.parametrize("change", ["content", "touched", "longer"])
def test_another_file_than_the_one_that_was_seen_is_not_removed(folder: Folder, change: str) -> None:
    path = write(folder.path, "0123abcd.json", b"{}")
    (seen,) = folder.look()
    path.write_bytes({"content": b"[]", "touched": b"{}", "longer": b"{} "}[change])
    if change != "touched":
        os.utime(path, ns=(seen.changed, seen.changed))
    assert not folder.remove(seen, digest_of(b"{}"))
    assert names(folder.path) == ["0123abcd.json"]


def test_the_file_that_was_seen_is_removed(folder: Folder) -> None:
    write(folder.path, "0123abcd.json", b"{}")
    (seen,) = folder.look()
    assert folder.remove(seen, digest_of(b"{}"))
    assert names(folder.path) == []
    assert not folder.remove(seen, digest_of(b"{}"))


def test_a_file_is_settled_after_three_seconds(folder: Folder) -> None:
    write(folder.path, "0123abcd.json", b"{}", age=0)
    (seen,) = folder.look()
    assert not seen.settled(seen.changed + 2_999_999_999)
    assert seen.settled(seen.changed + 3_000_000_000)
    assert seen.settled(seen.changed - 3_000_000_000), (
        "a clock that was set back must not hold it up for ever"
    )
    assert not seen.settled(time.time_ns())


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"'\[a' is no regular expression: .*; write one such as"):
        check_pattern("[a")
