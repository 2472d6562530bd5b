"""kill -9 between every two steps of a run over files: nothing lost, nothing deleted before it is stored."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labmon_dagster_tests.components.processing_lab import ProcessingLab
from labmon_dagster_tests.sources.processing.cases import FIRST, SECOND_VERSION, content, names, write
from labmon_dagster_tests.stores.documents.conftest import STORES, url

__all__ = ["url"]


@contextmanager
def worker(folder: Path) -> Iterator[Callable[[int], int]]:
    """Gives what does a run that is killed at a step, and gives its exit code."""
    command = [sys.executable, "-m", "labmon_dagster_tests.system.processing_worker", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin and stdout

        def run(at: int) -> int:
            stdin.write(f"{at}\n")
            stdin.flush()
            return int(stdout.readline())

        yield run


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_a_kill_between_any_two_steps(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    lab = ProcessingLab(tmp_path / "processing")
    at, code, made = 0, -signal.SIGKILL, dict[str, list[str]]()
    with worker(lab.folder) as run:
        while code == -signal.SIGKILL:
            at += 1
            made |= write_files(lab.folder, at)
            code = run(at)
            check(lab, made, at)
            if at % 3 == 0:  # now and then several crashes follow each other
                lab.run()
    assert code == 0
    assert at > 20
    lab.run()
    judge(lab, at)


def check(lab: ProcessingLab, made: dict[str, list[str]], at: int) -> None:
    """What is not in the store is still in the folder."""
    stored = {one.id for one in lab.documents()}
    lost = [
        name for name, ids in made.items() if not (lab.folder / name).exists() and not stored.issuperset(ids)
    ]
    assert lost == [], f"lost at step {at}"


def write_files(folder: Path, number: int) -> dict[str, list[str]]:
    """Two versions of a stream, another stream, and a file that is broken: name → ids of its documents."""
    stream, times = f"s{number}", {FIRST: "11.250000000", SECOND_VERSION: "12.000000000"}
    made: dict[str, list[str]] = {}
    for letter, timestamp in zip("ab", times, strict=True):
        write(folder, f"{number}{letter}.json", content(stream, timestamp, [{"n": number}, {"n": -number}]))
        known_by = f"{stream}/2022-05-11T15:02:{times[timestamp]}Z"
        made[f"{number}{letter}.json"] = [f"{known_by}/0", f"{known_by}/1"]
    write(folder, f"{number}x.json", b"{")
    return made


def judge(lab: ProcessingLab, rounds: int) -> None:
    """Everything is there once, heads show the newest, each broken file is told once."""
    stored = [one.id for one in lab.documents()]
    assert len(stored) == len(set(stored)) == 4 * rounds
    for number in range(1, rounds + 1):
        head = lab.head(f"s{number}")
        assert head is not None and (head.file, head.records) == (f"{number}b.json", 2)
        assert lab.records(f"s{number}") == [{"n": number}, {"n": -number}]
    assert len(lab.quarantined()) == rounds
    assert names(lab.folder) == sorted(f"{number}x.json" for number in range(1, rounds + 1))
    assert len(lab.journalled()) == 3 * rounds
    assert not lab.news()
