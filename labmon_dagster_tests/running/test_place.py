"""The folder of a running lab, and what is told of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from labmon_dagster.running import place
from labmon_dagster.running.figures import Figures
from labmon_dagster.running.lab import in_words

HOLD = (
    "import sys, time, pathlib; from labmon_dagster.running import place\n"
    "with place.occupied(pathlib.Path(sys.argv[1])) as lock:\n"
    "    place.announce(lock, 'http://127.0.0.1:3000'); print('held', flush=True); time.sleep(60)"
)


def test_a_second_lab_in_a_folder_is_refused(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with (
        pytest.raises(place.AlreadyRunningError, match=rf"{holder.pid}, http://127.0.0.1:3000"),
        place.occupied(tmp_path),
    ):
        pass
    holder.kill()
    holder.wait(5)
    with place.occupied(tmp_path):
        pass


def test_the_folder_is_free_when_all_who_inherited_the_lock_are_gone(tmp_path: Path) -> None:
    with place.occupied(tmp_path) as lock:
        heir = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"], pass_fds=[lock])
    (tmp_path / "up.lock").write_text(json.dumps({"pid": 2**22 + 1, "url": ""}))  # its holder was killed
    with place.occupied(tmp_path):
        assert heir.wait(5) == 0


def test_dagsters_configuration_is_the_projects(tmp_path: Path) -> None:
    project = tmp_path / "dagster.yaml"
    assert not place.configure_dagster(tmp_path / "home", project)
    for text in ("a: 1\n", "a: 2\n"):
        project.write_text(text)
        assert place.configure_dagster(tmp_path / "home", project)
        assert (tmp_path / "home" / "dagster.yaml").read_text() == text


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server((place.LOCAL, 0)) as server:
        taken = server.getsockname()[1]
        assert place.answers(taken)
        assert not place.is_free(taken)
        assert place.free_port(taken) > taken


def test_the_code_server_keeps_its_port_while_it_is_free(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace.yaml"
    port = place.code_server_port(workspace)
    place.write_workspace(workspace, port)
    assert place.code_server_port(workspace) == port
    with socket.create_server((place.LOCAL, port)):
        assert place.code_server_port(workspace) != port


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (Figures(), "0 rows stored since the start, 0 in all"),
        (Figures(trouble="OSError: away"), "no figures: OSError: away"),
        (
            Figures(1200, ("a",), 5000, 1_624_636_205 * 10**9, 0),
            "1,200 rows stored since the start, 5,000 in all, "
            "newest reading 2021-06-25T15:50:05Z, no run failed",
        ),
        (Figures(failed_runs=1), "0 rows stored since the start, 0 in all, 1 run failed"),
        (Figures(failed_runs=2), "0 rows stored since the start, 0 in all, 2 runs failed"),
    ],
)
def test_how_it_goes_is_one_line(figures: Figures, words: str) -> None:
    assert in_words(figures) == words
