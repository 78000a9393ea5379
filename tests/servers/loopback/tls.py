"""A certificate authority of the loopback web, and what is wrong with the certificates of its hostile hosts."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    """Signs a certificate for any name when it is first asked for; `bundle` is what a client must trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), named("loopback web authority")
        self._known: dict[str, ssl.SSLContext] = {}
        self.bundle = folder / "authority.pem"
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        made = self._builder(self._name, self._name, self._key).add_extension(constraints, critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, critical=True)
        self.bundle.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 30
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * DAY)
            .not_valid_after(now + days * DAY)
        )

    def _write(self, host: str, fault: str) -> Path:
        """Key and certificate of a host in one file."""
        key = self._leaf_key
        subject = "elsewhere.test" if fault == "wrong-host" else host
        own = fault == "self-signed"
        signer, issuer = (key, named(subject)) if own else (self._key, self._name)
        made = self._builder(named(subject), issuer, key, -1 if fault == "expired" else 30)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self._folder / "host.pem"
        path.write_bytes(private + made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    @cached_property
    def _leaf_key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    def context(self, host: str, fault: str = "") -> ssl.SSLContext:
        """The server's side of a host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if fault == "old":
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(self._write(host, fault))
        return context

    def any_host(self) -> ssl.SSLContext:
        """The server's side of whatever host a client names (SNI)."""
        first = self.context("unnamed.test")

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name:
                if name not in self._known:
                    self._known[name] = self.context(name)
                connection.context = self._known[name]

        first.sni_callback = choose  # type: ignore[assignment]
        return first


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
