"""A certificate authority of the tests' own, for servers on this machine and their clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_YEAR = timedelta(days=365)


class Authority:
    """Signs certificates, which are written with their keys as PEM into a folder."""

    def __init__(self, folder: Path, name: str = "tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        built = self._builder(self._name, self._key.public_key(), now - _YEAR, now + _YEAR)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file = folder / f"{name}-authority.pem"
        self.file.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *, host: str | None = None, expired: bool = False, password: bytes | None = None
    ) -> tuple[Path, Path]:
        """Write certificate and key for ``name``; ``host`` (a name or number) makes it one of a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.now(UTC) + (-1 if expired else 1) * timedelta(days=1)
        built = self._builder(_name(name), key.public_key(), end - _YEAR, end)
        if host:
            built = built.add_extension(x509.SubjectAlternativeName([_host(host)]), critical=False)
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        signed = built.sign(self._key, hashes.SHA256())
        files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(_pem(key, password))
        return files

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(self._name, name, key, x509.random_serial_number(), begin, end)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey, password: bytes | None) -> bytes:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        how = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
