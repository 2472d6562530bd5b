"""Remote folders: secrets from the environment, host keys, and errors that tell no secrets."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from labmon_dagster.model import SourceError
from labmon_dagster.secret import secret

# A password that was not percent-encoded may hold / and @: then all up to the last @ is taken for it.
_LOGIN = re.compile(
    r"(?P<scheme>[a-z0-9+]+://)(?P<user>[^/:@]*)(:(?P<password>[^/@]*|.*))?@(?P<rest>[^/@]+(/.*)?)",
    re.IGNORECASE | re.DOTALL,
)
_REMOTE_LIBRARIES = {"paramiko", "smbprotocol", "smbclient", "spnego"}
_PATIENCE = 20
_KNOWN_HOSTS = "LABMON_SFTP_KNOWN_HOSTS"


def opened(url: str) -> tuple[AbstractFileSystem, str]:
    """Open the file system of a URL, and give it with the path in it. Raises what the system raises."""
    login = _LOGIN.fullmatch(url)
    bare = f"{login['scheme']}{login['user']}@{login['rest']}" if login else url
    system, root = url_to_fs(bare, **options(url))
    return system, str(root)


def options(url: str) -> dict[str, Any]:
    """Give what a file system of this URL must be told beside the URL. Raises SourceError."""
    scheme = url.partition("://")[0].lower()
    if scheme in {"sftp", "ssh"}:
        limits = dict.fromkeys(("timeout", "banner_timeout", "auth_timeout"), _PATIENCE)
        password = _password(url) or _secret("LABMON_SFTP_PASSWORD")
        login = {"password": password, "look_for_keys": False, "allow_agent": False} if password else {}
        return {**limits, **login, "host_key_policy": _host_keys(), "skip_instance_cache": True}
    if scheme == "smb":
        password = _password(url) or _secret("LABMON_SMB_PASSWORD")
        # LoggerNet must be able to write and rename while we read: by default smb locks it out.
        share = {"share_access": "rwd", "timeout": _PATIENCE, "register_session_retries": 1}
        return {**share, **({"password": password} if password else {}), "skip_instance_cache": True}
    return {}


def _password(url: str) -> str:
    login = _LOGIN.fullmatch(url)
    return unquote(login["password"] or "") if login else ""


def _secret(name: str) -> str | None:
    try:
        return secret(name)
    except ValueError as error:
        raise SourceError(str(error)) from error


def _host_keys() -> object:
    """Make the policy for the server's key.

    A key other than those that known_hosts has for the host is refused. A host that is not listed is taken,
    unless LABMON_SFTP_KNOWN_HOSTS names the file to go by.
    """
    import paramiko  # type: ignore[import-untyped]  # takes a quarter of a second, and most folders are local

    strict = os.environ.get(_KNOWN_HOSTS)
    path = Path(strict) if strict else Path.home() / ".ssh" / "known_hosts"
    known = paramiko.HostKeys()
    try:
        if strict or path.exists():
            known.load(str(path))
    except OSError as error:
        raise SourceError(f"known hosts {path} cannot be read: {error.strerror}") from error

    class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
            if known.check(hostname, key):
                return
            if strict or known.lookup(hostname):
                raise paramiko.SSHException(f"the key of {hostname} is not the one in {path}")

    return KnownHosts()


def shown(url: str) -> str:
    """Give a folder's name without user and password."""
    login = _LOGIN.fullmatch(url)
    return login["scheme"] + login["rest"] if login else url


def said(error: BaseException, url: str = "") -> str:
    """Give the text of an error without any password."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    login = _LOGIN.fullmatch(url)
    secrets = {_password(url), login["password"] if login else None}
    for name in ("LABMON_SFTP_PASSWORD", "LABMON_SMB_PASSWORD"):
        with suppress(SourceError):
            secrets.add(_secret(name))
    for hidden in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(hidden, "***")
    return text


def unreadable(error: BaseException) -> bool:
    """Whether an error comes from a file system, local or remote, rather than from a mistake of ours."""
    return isinstance(error, (OSError, EOFError)) or type(error).__module__.split(".")[0] in _REMOTE_LIBRARIES
