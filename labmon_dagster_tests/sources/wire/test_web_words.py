"""What is said of answers and errors over HTTP: plain words, bounded, which any journal can hold."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings
from labmon_dagster.sources.wire.web import Manner, Page, check_options
from labmon_dagster_tests.sources.wire.test_web import BODY, END, GOOD, HEAD, heard, page, scripted

MOVED = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 2\r\n\r\n{}"


def refused(do: Callable[[], object]) -> str:
    with pytest.raises(DeviceError) as error:
        do()
    return str(error.value)


@pytest.mark.parametrize("where", [b"/caf\xe9", b"/" + b"\xff" * 900, b"/\xf0\x9f\x98\x80\x7f" * 200])
def test_headers_are_told_as_ascii_and_cut(where: bytes):
    trouble = heard(MOVED % where, largest=8192).trouble
    assert trouble.startswith("HTTP status 302; it points to /")
    assert trouble.isascii()
    assert trouble.isprintable()
    assert len(trouble) < 300


def test_a_coding_is_told_as_ascii_and_cut():
    coding = b"Content-Encoding: " + b"\xe9" * 900 + b"\r\nDate"
    trouble = heard(GOOD.replace(b"Date", coding), largest=8192).trouble
    assert "Content-Encoding" in trouble
    assert trouble.isascii()
    assert len(trouble) < 300


@pytest.mark.parametrize("coding", [b"identity", b"IDENTITY", b"Identity ", b""])
def test_codings_that_change_nothing(coding: bytes):
    found = heard(GOOD.replace(b"Date", b"Content-Encoding: " + coding + b"\r\nDate"))
    assert (found.payload, found.trouble) == (BODY, "")


def test_two_codings_are_not_believed():
    twice = b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\nDate"
    assert "2 headers Content-Encoding" in heard(GOOD.replace(b"Date", twice)).trouble


def test_an_answer_cut_short():
    found = heard(HEAD % 1094 + b"x" * 547, END)
    assert found.trouble == "cut short: 547 of 1094 bytes"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    assert heard(chunked, END).trouble == "cut short"


def test_what_is_no_http_is_shown():
    assert heard(b"220 FTP\xe9 ready\r\n\r\n", END).trouble == r"no HTTP: '220 FTP\xe9 ready\r\n\r\n'"
    assert len(heard(b"\xe9" * 900, END).trouble) < 300


def test_a_head_that_cannot_be_read():
    trouble = heard(b"HTTP/1.1 200 OK\r\nno header\r\n\r\nx", END).trouble
    assert trouble.startswith("its HTTP cannot be read")
    assert trouble.isascii()


def test_nobody_is_there():
    async def poll() -> None:
        async with scripted(lambda request: []) as server:
            port = server.port
        await page(port).poll()

    assert refused(lambda: asyncio.run(poll())).endswith("/page: cannot connect: connection refused")


def test_a_device_hangs_up():
    assert refused(lambda: heard(END)).endswith("/page: it hung up without an answer")


@pytest.mark.parametrize("host", ["é..x", "a..b", "a" * 70, "x." + "b" * 300, ".x"])
def test_a_host_that_cannot_be(host: str, caplog: pytest.LogCaptureFixture):
    with pytest.raises(ValueError, match="no host can be called"):
        check_options(DeviceSettings("it", "CRYO", Address("http", host)))
    with caplog.at_level(logging.ERROR, "asyncio"):
        said = refused(lambda: asyncio.run(Page(f"http://{host}/", "page", Manner(0.5)).poll()))
    assert "no host can be called" in said
    assert not caplog.records


@pytest.mark.parametrize("host", ["gerät.local", "::1", "192.168.44.61", "a_b"])
def test_hosts_that_can_be(host: str):
    check_options(DeviceSettings("it", "CRYO", Address("http", host)))
