"""TLS as brokers want it: the broker is always verified, and the client may have a certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

from labmon_dagster.model.devices import Address
from labmon_dagster.sources.mqtt.options import TLS, Options

AWS = (".amazonaws.com", ".amazonaws.com.cn")
AWS_PORT = 443
AWS_PROTOCOL = "x-amzn-mqtt-ca"
"""What AWS IoT Core wants to be told on port 443, where it otherwise expects HTTPS (ALPN)."""


class EncryptedError(Exception):
    """A key has a password."""


def context_of(address: Address, options: Options) -> ssl.SSLContext | None:
    """Give what TLS needs at an address; None for an address without TLS.

    Raises ValueError that names the file which cannot be used, and why.
    """
    if address.scheme != TLS:
        return None
    context = ssl.create_default_context(cafile=_authority(options.ca_file))
    if options.certificate and options.key_file:
        _certify(context, options.certificate, options.key_file)
    if address.host.endswith(AWS) and address.port == AWS_PORT:
        context.set_alpn_protocols([AWS_PROTOCOL])
    return context


def _authority(path: Path | None) -> str | None:
    if path is None:
        return None
    _check_readable(path, "ca_file")
    try:
        ssl.create_default_context(cafile=str(path))
    except ssl.SSLError as error:
        raise ValueError(f"ca_file {path} holds no certificate in PEM form: {_reason(error)}") from error
    return str(path)


def _certify(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    _check_readable(certificate, "certificate")
    _check_readable(key, "key_file")
    try:
        context.load_cert_chain(str(certificate), str(key), password=_no_password)
    except ssl.SSLError as error:
        raise ValueError(
            f"certificate {certificate} and key_file {key} are no pair in PEM form: {_reason(error)}"
        ) from error
    except EncryptedError as error:
        raise ValueError(
            f"key_file {key}: it is encrypted; give one that is not, for labmon alone"
        ) from error


def _no_password() -> str:
    raise EncryptedError


def _check_readable(path: Path, option: str) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ValueError(f"{option} {path} cannot be read: {error.strerror}") from error


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
