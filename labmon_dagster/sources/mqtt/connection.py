"""One connection to a broker, from CONNECT to its end, in a thread of its own.

It is made with paho-mqtt itself: aiomqtt, which is built on it, confirms a message (PUBACK) as soon as it is
handed over, and here that must wait for the disk. Whoever connects again makes another `Connection`: packet
identifiers begin anew with each, so a confirmation must never go to a later one.
"""

from __future__ import annotations

import logging
import select
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, error_string
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from labmon_dagster.model.devices import DeviceError, DeviceSettings, Heard, Unasked
from labmon_dagster.secret import secret
from labmon_dagster.sources.mqtt import words
from labmon_dagster.sources.mqtt.options import options_of, port_of
from labmon_dagster.sources.mqtt.security import context_of
from labmon_dagster.sources.mqtt.topics import topic_of
from labmon_dagster.sources.mqtt.unconfirmed import Line
from labmon_dagster.sources.mqtt.wake import Wake, drain

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

PASSWORD = "LABMON_MQTT_PASSWORD"  # noqa: S105 - the name of the variable
MESSAGE, RETAINED = "message", "retained message"
KEEPALIVE = 30  # s
LARGEST_LINE = 16 * 2**20  # bytes; a quarter of what a journal's writer takes
_LOOK = 1000  # ms; how often keepalive is looked after
_BURST = 100  # packets that are read before others have their turn
_AT_ONCE = 8  # topics in one SUBSCRIBE; AWS IoT Core ends the connection at more
_LOG = logging.getLogger(__name__)


class Connection:
    """Subscribes, hands over what comes, and confirms what is on disk, in the order it came.

    ``opened`` gives whether the broker knew the session, and what it did not grant ('' if all was); it
    raises DeviceError. ``over`` gives why the connection ended. ``gone`` is done when nothing is left of it.
    """

    def __init__(self, settings: DeviceSettings, unasked: Unasked) -> None:
        self.opened: Future[tuple[bool, str]] = Future()
        self.over: Future[str] = Future()
        self.gone: Future[None] = Future()
        self._settings, self._options = settings, options_of(settings)
        self._unasked = unasked
        self._wake = Wake()
        self._line = Line(self._wake, LARGEST_LINE)
        self._leaving = False
        self._session = False
        self._said = ""
        self._asked: dict[int, Sequence[str]] = {}
        self._granted: list[tuple[str, ReasonCode]] = []
        self._client = self._paho()

    def start(self) -> None:
        """Connect, and go on until it is over; nobody waits for it to begin."""
        name = f"mqtt {self._settings.name}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def leave(self) -> None:
        """Take nothing more, confirm what is on its way to the disk, and end."""
        self._leaving = True
        self._wake()

    def end(self, why: str) -> None:
        """End at once; what is not confirmed yet, the broker sends again to the next connection."""
        with suppress(InvalidStateError):
            self.over.set_result(why)
        with suppress(InvalidStateError):
            self.opened.set_exception(DeviceError(why))
        self._wake()

    def _paho(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            self._options.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = self._settings.timeout
        client.on_log = self._told  # it alone tells why TLS was refused
        client.on_socket_open = self._socket_opened
        client.on_socket_close = self._socket_closes
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._came
        client.on_disconnect = self._disconnected
        return client

    def _run(self) -> None:
        why = "it was left"
        try:
            self._connect()
            why = self._serve()
        except (OSError, ValueError) as error:
            why = words.of_error(error)
        except Exception as error:  # whatever it is, who waits for the end is to have it
            _LOG.exception("%s", self._settings.address)
            why = f"{type(error).__name__}: {error}"
        finally:
            self.end(why)
            self._close()

    def _close(self) -> None:
        if (rest := self._client.socket()) is not None:
            rest.close()
        self._wake.close()
        self.gone.set_result(None)

    def _connect(self) -> None:
        if context := context_of(self._settings.address, self._options):
            self._client.tls_set_context(context)
        if self._options.user:
            self._client.username_pw_set(self._options.user, secret(PASSWORD))
        self._client.connect(self._settings.address.host, port_of(self._settings), KEEPALIVE)

    def _serve(self) -> str:
        """Read and write until the end; give why it came."""
        while (there := self._client.socket()) is not None:
            self._confirm()
            if self.over.done() or (self._leaving and not self._line):
                self._client.disconnect()
                return "it was left"
            if code := self._turn(there):
                return self._ended(error_string(code))
        return self._ended()

    def _ended(self, otherwise: str = "") -> str:
        scheme = self._settings.address.scheme
        return words.of_end(self._said or otherwise, scheme, subscribed=self.opened.done())

    def _turn(self, there: SocketLike) -> MQTTErrorCode:
        """Do what is to be done next: read, write, keep the connection alive."""
        listening = not (self._leaving or self._line.is_full)
        pending = listening and isinstance(there, ssl.SSLSocket) and there.pending() > 0
        ready = self._ready(there, 0 if pending else _LOOK, listening=listening)
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        if pending or ready & (select.POLLIN | select.POLLHUP | select.POLLERR):
            code = self._read()
        if not code and ready & select.POLLOUT:
            code = self._client.loop_write()
        if not code and listening:
            code = self._client.loop_misc()
        return code

    def _ready(self, there: SocketLike, milliseconds: int, *, listening: bool) -> int:
        """Wait for the broker, or to be woken; give what can be done with its socket."""
        wanted = (select.POLLIN if listening else 0) | (select.POLLOUT if self._client.want_write() else 0)
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        poll.register(there.fileno(), wanted)
        ready = dict(poll.poll(milliseconds))
        if self._wake.fileno() in ready:
            self._wake.clear()
        return ready.get(there.fileno(), 0)

    def _read(self) -> MQTTErrorCode:
        """Read a packet, and those behind it, as long as they are messages: paho reads one at a time."""
        for _ in range(_BURST):
            before = len(self._line)
            code = self._client.loop_read()
            if code or len(self._line) == before or self._line.is_full or not self._client.socket():
                return code
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _confirm(self) -> None:
        if self.over.done():
            return
        try:
            for one in self._line.kept():
                self._client.ack(one.mid, one.qos)
        except Exception as error:
            self.end(words.not_kept(str(error)))

    def _came(self, client: Client, _: Any, message: MQTTMessage) -> None:
        if self.over.done():
            return
        payload = bytes(message.payload)
        form = RETAINED if message.retain else MESSAGE
        heard = Heard(payload, time.time_ns(), form, sender=topic_of(message))
        if (kept := self._unasked(heard)) is None:
            self.end(words.not_kept("the journal takes nothing now"))
        else:
            self._line.add(message.mid, message.qos, payload, kept)

    def _told(self, client: Client, _: Any, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._said = text

    def _socket_opened(self, client: Client, _: Any, sock: Any) -> None:
        if self._leaving or self.over.done():  # a CONNECT would throw out the connection that came after
            raise OSError("it came too late")

    def _socket_closes(self, client: Client, _: Any, sock: Any) -> None:
        if self._leaving:
            drain(sock)

    def _connected(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, more: Properties | None
    ) -> None:
        if reason.is_failure:
            self.end(f"the broker refuses client {self._options.client_id!r}: {reason}")
            return
        self._session = flags.session_present
        filters, qos = self._options.filters, self._options.qos
        for begin in range(0, len(filters), _AT_ONCE):
            group = filters[begin : begin + _AT_ONCE]
            _, mid = client.subscribe([(one, qos) for one in group])
            self._asked[mid or 0] = group

    def _subscribed(
        self, client: Client, _: Any, mid: int, reasons: Sequence[ReasonCode], more: Properties | None
    ) -> None:
        self._granted += zip(self._asked.pop(mid), reasons, strict=True)
        if not self._asked:
            client.on_log = None
            self._said = ""
            self._judge(self._granted)

    def _judge(self, granted: Sequence[tuple[str, ReasonCode]]) -> None:
        """Be open with the subscriptions that were granted, if there are any."""
        lacking = words.not_as_asked(granted, self._options.qos)
        if all(one.is_failure for _, one in granted):
            self.end(lacking)
            return
        with suppress(InvalidStateError):
            self.opened.set_result((self._session, lacking))

    def _disconnected(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, more: Properties | None
    ) -> None:
        if not self._leaving:
            silent = str(reason) == "Keep alive timeout"
            self.end(words.SILENT if silent else self._ended())
