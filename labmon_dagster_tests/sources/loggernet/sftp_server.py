"""An SFTP server on 127.0.0.1 that shows one folder, for one user with a password."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko

USER, PASSWORD = "lab", "s3cret/with:odd@chars"


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "password"


def _files_of(root: Path) -> type[paramiko.SFTPServerInterface]:
    class Files(paramiko.SFTPServerInterface):
        def _real(self, path: str) -> Path:
            return root / path.lstrip("/")

        def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
            try:
                return [
                    paramiko.SFTPAttributes.from_stat(one.stat(), one.name)
                    for one in self._real(path).iterdir()
                ]
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        def stat(self, path: str) -> paramiko.SFTPAttributes | int:
            try:
                return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        lstat = stat

        def open(self, path: str, flags: int, attr: object) -> paramiko.SFTPHandle | int:
            if path.endswith("forbidden.dat"):
                return paramiko.SFTP_PERMISSION_DENIED
            try:
                opened = self._real(path).open("rb")
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = opened
            handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(opened.fileno()))
            return handle

    return Files


class Server:
    """The running server; ``drop`` cuts all its connections."""

    def __init__(self, root: Path, listener: socket.socket) -> None:
        self.key = paramiko.RSAKey.generate(2048)
        self.port: int = listener.getsockname()[1]
        self._files = _files_of(root)
        self._listener = listener
        self._transports: list[paramiko.Transport] = []

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, self._files)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Login())
            except (paramiko.SSHException, EOFError):
                continue

    def drop(self) -> None:
        for transport in self._transports:
            transport.close()
        self._transports.clear()


@contextmanager
def sftp_server(root: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(root, listener)
        threading.Thread(target=server.serve, daemon=True).start()
        yield server
        server.drop()
        listener.shutdown(socket.SHUT_RDWR)
