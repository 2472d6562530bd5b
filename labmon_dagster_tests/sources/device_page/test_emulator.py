from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings, Heard
from labmon_dagster.sources.device_page.emulator import (
    CryostatPageEmulator,
    MGC3PageEmulator,
    MMR3PageEmulator,
    serial_in,
)
from labmon_dagster.sources.device_page.kinds import KINDS

NOON = 1_772_452_800.0
GET = b"GET /www/device.htm HTTP/1.1\r\nHost: x"
EMULATORS = {"MMR3": MMR3PageEmulator, "MGC3": MGC3PageEmulator, "CRYO": CryostatPageEmulator}


def test_an_answer_byte_by_byte():
    reply = MMR3PageEmulator(clock=lambda: NOON).reply(GET)
    assert reply is not None
    head, _, body = reply.payload.partition(b"\r\n\r\n")
    assert head == (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Date: Mon, 02 Mar 2026 12:00:00 GMT\r\nConnection: keep-alive" % len(body)
    )
    assert parsedate_to_datetime("Mon, 02 Mar 2026 12:00:00 GMT").timestamp() == NOON
    lines = body.decode().splitlines()
    assert lines[0] == "<!DOCTYPE html>"
    assert lines[4].startswith("<tr><td>Board temperature</td><td>4")
    assert re.fullmatch(r"<tr><td>Resistance 1</td><td>\d+\.\d00000</td><td>&Omega;</td></tr>", lines[5])
    assert lines[6] == "<tr><td>Range 1</td><td>4</td><td></td></tr>"
    assert re.fullmatch(r"<tr><td>Temperature 1</td><td>\d+\.\d{4}</td><td>mK</td></tr>", lines[7])
    assert lines[8] == "<tr><td>Status 1</td><td>0</td><td></td></tr>"
    assert lines[-1] == "</body></html>"


def test_requests_are_cut_at_blank_lines():
    emulator = MMR3PageEmulator()
    requests, rest = emulator.cut(GET + b"\r\n\r\n" + GET + b"\r\n\r\nGET /ww")
    assert (requests, rest) == ([GET, GET], b"GET /ww")
    assert len(emulator.cut(b"x" * 100_000)[1]) < 20_000


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1", b"404"),
        (b"GET /www/device.htm?on=1 HTTP/1.1", b"404"),
        (b"POST /www/device.htm HTTP/1.1", b"405"),
        (b"HEAD /www/device.htm HTTP/1.1", b"405"),
        (b"GET /www/device.htm", b"400"),
        (b"\xff\x00", b"400"),
        (b"", b"400"),
    ],
)
def test_other_requests(request_: bytes, status: bytes):
    reply = MMR3PageEmulator().reply(request_)
    assert reply is not None
    assert reply.serial is None
    assert reply.payload.split(b" ")[1] == status


@pytest.mark.parametrize("name", EMULATORS)
def test_each_page_has_its_number(name: str):
    kind = next(kind for kind in KINDS if kind.type == name)
    settings = DeviceSettings("it", name, Address("http", "host"))
    emulator = EMULATORS[name](seed=4)
    for serial in (0, 1, 9, 4711, 39_999, 99_999):
        for now in (NOON, NOON + 40_000, NOON + 400_000):
            said = kind.understand(Heard(emulator.body(now, serial), 0, "page"), settings)
            assert serial_in(said.values) == serial
            assert not said.missing
            assert {field.name for field in kind.quantities(settings)} == set(said.values)


def test_values_that_carry_no_number():
    assert serial_in({}) is None
    assert serial_in({"resistance_1": "text"}) is None


@pytest.mark.parametrize("name", EMULATORS)
def test_what_is_shown_follows_from_time_and_seed(name: str):
    def shown(seed: int, now: float) -> bytes:
        return EMULATORS[name](seed).body(now, 5)

    assert shown(1, NOON) == shown(1, NOON)
    assert shown(1, NOON) != shown(2, NOON)
    assert shown(1, NOON) != shown(1, NOON + 60)


def test_it_cools_down():
    kind = next(kind for kind in KINDS if kind.type == "CRYO")
    settings = DeviceSettings("it", "CRYO", Address("http", "host"))
    week = 7 * 86_400.0
    start = NOON // week * week

    def kelvin(hours: float) -> float:
        body = CryostatPageEmulator().body(start + hours * 3600, 0)
        found = kind.understand(Heard(body, 0, "page"), settings).values["mixing_chamber_temperature"]
        assert isinstance(found, float)
        return found

    assert kelvin(0) > 290
    assert 5 < kelvin(6) < 100
    assert kelvin(30) < 0.02
