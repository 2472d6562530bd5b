"""Questions and answers as lines over one TCP connection."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from labmon_dagster.model.devices import DeviceError

_AT_ONCE = 4096
_LONGEST = 65_536


class LineError(Exception):
    """No whole line came, or more than one. ``heard``: what came. The connection is not to be used again."""

    def __init__(self, reason: str, heard: bytes = b"") -> None:
        super().__init__(reason)
        self.heard = heard


class Lines:
    """A connection to a device that answers each line with one line. Get one by `connected`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received = 0

    @property
    def usable(self) -> bool:
        """Whether the connection stands, as far as it is known."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, question: bytes, timeout: float) -> bytes:
        """Send a question, and give the line that comes, with its end, exactly as it came.

        ``received`` is the time of its last byte (UTC ns). ``timeout``: s. Raises LineError.
        """
        heard = bytearray()
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(question)
                await self._writer.drain()
                await self._hear_line(heard)
        except TimeoutError:
            raise LineError(_too_late(heard, timeout), bytes(heard)) from None
        except OSError as error:
            raise LineError(f"the connection was lost: {error.strerror or error}", bytes(heard)) from error
        _check(heard)
        return bytes(heard)

    async def waiting(self) -> bytes:
        """Give what came without having been asked for; it is then no more waiting."""
        heard = b""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(0):
                while chunk := await self._reader.read(_AT_ONCE):
                    heard += chunk
        return heard

    def close(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()

    async def _hear_line(self, heard: bytearray) -> None:
        while b"\n" not in heard and len(heard) <= _LONGEST:
            chunk = await self._reader.read(_AT_ONCE)
            if not chunk:
                raise LineError(f"the device closed the connection after {len(heard)} bytes", bytes(heard))
            heard += chunk
            self.received = time.time_ns()


async def connected(host: str, port: int, timeout: float) -> Lines:
    """Connect. ``timeout``: s. Raises DeviceError."""
    try:
        async with asyncio.timeout(timeout):
            return Lines(*await asyncio.open_connection(host, port))
    except TimeoutError:
        raise DeviceError(f"no connection within {timeout:g} s") from None
    except OSError as error:
        raise DeviceError(f"no connection: {error.strerror or error}") from error
    except ValueError as error:  # a host that cannot be; a UnicodeError is one
        raise DeviceError(f"no connection: {error}") from error


def _check(heard: bytearray) -> None:
    end = heard.find(b"\n") + 1
    if end == 0:
        raise LineError(f"{len(heard)} bytes came without an end of line", bytes(heard))
    if end < len(heard):
        raise LineError(f"{len(heard) - end} bytes came behind the line", bytes(heard))


def _too_late(heard: bytearray, timeout: float) -> str:
    what = f"only {len(heard)} bytes of an answer" if heard else "no answer"
    return f"{what} within {timeout:g} s"
