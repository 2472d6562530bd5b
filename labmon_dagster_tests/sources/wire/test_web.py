from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, SwitchingError
from labmon_dagster.sources.wire.web import Manner, Page, check_options, checked_url

BODY = b"<html>\xb0 1.5 K\r\n\r\n</html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nDate: Mon, 02 Mar 2026 09:30:05 GMT\r\n\r\n"
GOOD = HEAD % len(BODY) + BODY
TIMEOUT = 0.2
END = None


@dataclass
class Server:
    """Where a server is, and what it heard."""

    port: int = 0
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def scripted(script: Callable[[bytes], Sequence[bytes | None]]) -> AsyncIterator[Server]:
    """Serve the pieces that a script gives for a request; END closes the connection."""
    made = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        while request := await reader.read(4096):
            made.heard.append(request)
            for piece in script(request):
                if piece is END:
                    writer.close()
                    return
                writer.write(piece)
                await asyncio.sleep(0.002)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


def heard(*pieces: bytes | None, largest: int = 4096) -> Heard:
    """Poll once a server that sends these pieces."""

    async def poll() -> Heard:
        async with scripted(lambda request: pieces) as server:
            return await page(server.port, largest=largest).poll()

    return asyncio.run(poll())


def page(port: int, path: str = "/page", largest: int = 4096) -> Page:
    return Page(f"http://127.0.0.1:{port}{path}", "page", Manner(TIMEOUT, largest))


def test_a_page_comes_as_it_is():
    found = heard(GOOD)
    assert (found.payload, found.form, found.trouble) == (BODY, "page", "")
    assert found.clock == int(datetime(2026, 3, 2, 9, 30, 5, tzinfo=UTC).timestamp()) * 10**9
    assert abs(found.received / 1e9 - datetime.now(UTC).timestamp()) < 60


def test_a_page_in_many_pieces():
    assert heard(*(GOOD[n : n + 17] for n in range(0, len(GOOD), 17))).payload == BODY


def test_a_page_in_chunks():
    found = heard(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert (found.payload, found.trouble, found.clock) == (b"abcde", "", None)


def test_a_page_that_ends_with_its_connection():
    found = heard(b"HTTP/1.0 200 OK\r\n\r\nabcde", END)
    assert (found.payload, found.trouble) == (b"abcde", "")


def test_what_is_asked():
    async def poll() -> list[bytes]:
        async with scripted(lambda request: [GOOD]) as server:
            await page(server.port, "/www/device.htm").poll()
            return server.heard

    (request,) = asyncio.run(poll())
    lines = request.decode().lower().split("\r\n")
    assert lines[0] == "get /www/device.htm http/1.1"
    assert "accept-encoding: identity" in lines
    assert "connection: close" in lines
    assert request.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("cut", [1, 10, len(BODY) - 1])
def test_a_page_cut_short_is_kept(cut: int):
    found = heard(HEAD % len(BODY) + BODY[:cut], END)
    assert found.payload == BODY[:cut]
    assert found.trouble == f"cut short: {cut} of {len(BODY)} bytes"


def test_a_head_cut_short_is_kept():
    found = heard(GOOD[:20], END)
    assert found.payload == GOOD[:20]
    assert found.trouble


def test_a_page_whose_rest_does_not_come():
    found = heard(HEAD % len(BODY) + BODY[:7])
    assert (found.payload, found.trouble) == (BODY[:7], "no whole answer within 0.2 s")


@pytest.mark.parametrize("garbage", [bytes(range(256)), b"\0" * 50, b"220 FTP\r\n\r\n", b"\xff\xfe\r\n\r\nx"])
def test_garbage_is_kept(garbage: bytes):
    found = heard(garbage, END)
    assert garbage.endswith(found.payload)
    assert found.trouble
    assert len(found.trouble) < 300


def test_garbage_without_a_blank_line_is_kept_whole():
    garbage = bytes(range(128, 256))
    assert heard(garbage, END).payload == garbage


@pytest.mark.parametrize("pieces", [[], [END]], ids=["silence", "closed"])
def test_nothing_heard(pieces: Sequence[bytes | None]):
    with pytest.raises(DeviceError, match=r"127.0.0.1"):
        heard(*pieces)


def test_a_device_that_hangs_up_is_asked_once():
    async def poll() -> int:
        async with scripted(lambda request: [END]) as server:
            with pytest.raises(DeviceError):
                await page(server.port).poll()
            return server.connections

    assert asyncio.run(poll()) == 1


def test_nobody_there():
    async def poll() -> None:
        async with scripted(lambda request: []) as server:
            port = server.port
        await page(port).poll()

    with pytest.raises(DeviceError, match=r"127.0.0.1"):
        asyncio.run(poll())


def test_a_host_that_cannot_be():
    with pytest.raises(DeviceError, match=r"no.such.host.invalid"):
        asyncio.run(Page("http://no.such.host.invalid/", "page", Manner(TIMEOUT)).poll())


@pytest.mark.parametrize("status", [b"404 Not Found", b"500 Oops", b"204 No Content", b"401 Unauthorized"])
def test_another_status(status: bytes):
    head = GOOD.replace(b"200 OK", status)
    if status.startswith(b"204"):
        with pytest.raises(DeviceError, match="status 204"):
            heard(head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", END)
        return
    found = heard(head)
    assert (found.payload, found.trouble) == (BODY, f"HTTP status {status[:3].decode()}")


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_an_empty_page(status: str):
    with pytest.raises(DeviceError, match=f"status {status[:3]} and an empty page"):
        heard(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


def test_redirects_are_not_followed():
    async def poll() -> tuple[Heard, int]:
        async with scripted(lambda request: [GOOD]) as other:
            moved = f"Location: http://127.0.0.1:{other.port}/\r\n\r\n".encode()
            answer = GOOD.replace(b"200 OK", b"302 Found").replace(b"\r\n\r\n", b"\r\n" + moved, 1)
            async with scripted(lambda request: [answer]) as server:
                return await page(server.port).poll(), other.connections

    found, connections = asyncio.run(poll())
    assert connections == 0
    assert found.trouble.startswith("HTTP status 302; it points to http://127.0.0.1")


def test_an_answer_that_is_too_long():
    found = heard(HEAD % 500 + b"x" * 500, largest=300)
    assert found.trouble == "longer than 300 bytes, the rest was not read"
    assert len(found.payload) + len(HEAD % 500) == 300


def test_a_head_without_end():
    found = heard(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000, largest=1000)
    assert len(found.payload) == 1000
    assert found.trouble


def test_a_coding_that_was_not_asked_for():
    found = heard(GOOD.replace(b"Date", b"Content-Encoding: gzip\r\nDate"))
    assert found.payload == BODY
    assert "Content-Encoding gzip" in found.trouble


def test_what_comes_behind_a_page_is_no_answer_to_the_next_question():
    async def poll() -> list[bytes]:
        numbers = iter(range(9))

        def script(request: bytes) -> list[bytes]:
            stale = HEAD % 5 + b"stale"
            return [HEAD % 5 + b"page%d" % next(numbers) + stale]

        async with scripted(script) as server:
            one = page(server.port)
            return [(await one.poll()).payload for _ in range(3)]

    assert asyncio.run(poll()) == [b"page0", b"page1", b"page2"]


def test_a_late_answer_is_no_answer_to_the_next_question():
    async def poll() -> tuple[str, bytes, bytes]:
        numbers = iter(range(9))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            number = next(numbers)
            await asyncio.sleep(2 * TIMEOUT if number == 0 else 0)
            writer.write(HEAD % 5 + b"page%d" % number)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            one = page(server.sockets[0].getsockname()[1])
            with pytest.raises(DeviceError) as error:
                await one.poll()
            second = await one.poll()
            await asyncio.sleep(2 * TIMEOUT)
            return str(error.value), second.payload, (await one.poll()).payload

    said, second, third = asyncio.run(poll())
    assert "no whole answer within 0.2 s" in said
    assert (second, third) == (b"page1", b"page2")


@pytest.mark.parametrize(
    ("date", "clock"),
    [
        (b"Thu, 01 Jan 1970 00:00:01 GMT", 10**9),
        (b"Thu Jan  1 00:00:02 1970", 2 * 10**9),
        (b"yesterday", None),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", None),
        (b"Mon, 99 Foo 2026 09:30:05 GMT", None),
        (b"", None),
    ],
)
def test_dates(date: bytes, clock: int | None):
    assert heard(GOOD.replace(b"Mon, 02 Mar 2026 09:30:05 GMT", date)).clock == clock


def test_an_address_that_may_switch_is_refused():
    address = Address.parse("http://192.168.44.64/www/device.htm?setpoint=0.1")
    with pytest.raises(SwitchingError, match="query_only_reads"):
        checked_url(address, {})
    with pytest.raises(SwitchingError):
        check_options(DeviceSettings("it", "MGC3", address))
    with pytest.raises(SwitchingError):
        checked_url(address, {"query_only_reads": "true"})
    assert checked_url(address, {"query_only_reads": True}).endswith("/device.htm?setpoint=0.1")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://192.168.44.61", "http://192.168.44.61/usual"),
        ("https://host:8443/x", "https://host:8443/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
    ],
)
def test_the_url_of_an_address(text: str, url: str):
    assert checked_url(Address.parse(text), {}, "/usual") == url


@pytest.mark.parametrize(
    "options", [{"certificate": 5}, {"certificate": "/no/such/file"}, {"query_only_reads": 1}]
)
def test_options_that_make_no_sense(options: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(options))):
        check_options(DeviceSettings("it", "CRYO", Address("http", "host"), options=options))


def test_tls_is_verified(tmp_path: Path):
    certificate, key = authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)
        await writer.drain()
        writer.close()

    async def poll(trusted: str) -> Heard:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            return await Page(url, "page", Manner(5.0, certificate=trusted)).poll()

    with pytest.raises(DeviceError, match=r"(?i)certificate"):
        asyncio.run(poll(""))
    assert asyncio.run(poll(str(certificate))).payload == BODY


def authority(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody signed but itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a device")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(5).not_valid_before(now - timedelta(days=1))
    made = (
        builder.not_valid_after(now + timedelta(days=1))
        .add_extension(names, False)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, plain))
    return certificate, secret
