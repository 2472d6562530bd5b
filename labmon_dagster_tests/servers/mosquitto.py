"""mosquitto as the tests' MQTT broker: it keeps sessions on disk at every change, and all messages."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from labmon_dagster_tests.servers import found
from labmon_dagster_tests.servers.process import HOST, Server

_CONFIG = """
user root
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 0
log_type error
log_type warning
log_type notice
listener {port} {host}
"""
_TLS = """
cafile {ca}
certfile {certificate}
keyfile {key}
require_certificate {require}
"""
_SALT = b"not a secret"
_ROUNDS = 101


class Mosquitto(Server):
    """An MQTT broker of the tests' own.

    ``auth``: the user and password it wants. ``tls``: its authority, certificate and key;
    ``clients_certified``: whether clients need a certificate of that authority. ``more``: lines of its
    configuration. At every change its sessions are written to disk anew: with thousands of messages
    waiting that is slow; ``autosave=False`` leaves it to the end, and SIGKILL loses what came since.
    """

    def __init__(
        self,
        folder: Path,
        *,
        auth: tuple[str, str] | None = None,
        tls: tuple[Path, Path, Path] | None = None,
        clients_certified: bool = False,
        autosave: bool = True,
        more: str = "",
        file_limit: int | None = None,
    ) -> None:
        super().__init__(folder, file_limit=file_limit)
        self.auth, self.tls, self.clients_certified = auth, tls, clients_certified
        self.autosave, self.more = autosave, more
        self._binary = found.mosquitto()

    @property
    def url(self) -> str:
        """Where it takes clients."""
        return f"mqtt{'s' if self.tls else ''}://{HOST}:{self.port}"

    def command(self) -> list[str]:
        config = self.folder / "mosquitto.conf"
        config.write_text(self._config())
        return [*self._binary, "-c", str(config)]

    def _config(self) -> str:
        text = _CONFIG.format(folder=self.folder, port=self.port, host=HOST)
        if not self.autosave:
            text = text.replace("autosave_on_changes true", "autosave_on_changes false")
            text = text.replace("autosave_interval 1", "autosave_interval 0")
        if self.tls:
            ca, certificate, key = self.tls
            require = str(self.clients_certified).lower()
            text += _TLS.format(ca=ca, certificate=certificate, key=key, require=require)
        return text + self._who_may() + self.more

    def _who_may(self) -> str:
        if not self.auth:
            return "allow_anonymous true\n"
        users = self.folder / "users"
        users.write_text(_user_line(*self.auth))
        return f"allow_anonymous false\npassword_file {users}\n"

    def ready(self) -> bool:
        """It listens, and that is all there is to wait for."""
        return True


def _user_line(name: str, password: str) -> str:
    """A line of mosquitto's password file."""
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), _SALT, _ROUNDS)
    told = "$".join(base64.b64encode(one).decode() for one in (_SALT, hashed))
    return f"{name}:$7${_ROUNDS}${told}\n"


def publish(server: Mosquitto, *messages: tuple[str, bytes], qos: int = 1, retain: bool = False) -> None:
    """Publish messages by topic; returns when the broker has acknowledged them all."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if server.auth:
        client.username_pw_set(*server.auth)
    client.connect(HOST, server.port)
    client.loop_start()
    try:
        told = [client.publish(topic, payload, qos, retain) for topic, payload in messages]
        for one in told:
            one.wait_for_publish(30)
            assert one.is_published()
    finally:
        client.disconnect()
        client.loop_stop()
