"""`curate extract https://…`: a WARC behind TLS and a server that fails again and again, read as from the disk."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from faulty import SLOW_DOWN, Fault, serving

pytestmark = pytest.mark.processes

FAULTS = [
    Fault(),  # the first answer tells the size
    Fault(status=503, body=SLOW_DOWN),
    Fault(cut=50_000),
    Fault(status=200, body=SLOW_DOWN),
    Fault(hang_up=True),
    Fault(no_ranges=True, cut=90_000),
    Fault(status=429, headers=(("Retry-After", "1"),)),
    Fault(cut=1),
    Fault(short=200_000),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for 127.0.0.1 that it signed itself, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def warc(miniweb, data_root) -> Path:
    """Real pages, or the mini-web's where those are not here."""
    real = data_root / "web" / "pages-00001.warc.gz"
    return real if real.exists() else sorted(miniweb.glob("web-*.warc.gz"))[0]


def parts(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.parquet"))}


def test_a_warc_over_https_with_faults_ends_in_the_bytes_of_the_local_read(curate, call, warc, certificate, tmp_path):
    assert call("extract", warc, "-o", tmp_path / "local").code == 0
    with serving(certificate) as server:
        url = server.put(warc.name, warc.read_bytes())
        server.faults.extend(FAULTS)
        done = curate("extract", url, "-o", tmp_path / "remote", env={"SSL_CERT_FILE": str(certificate)})
        assert done.code == 0, done.err
        assert not server.faults
    assert url.startswith("https://")
    assert parts(tmp_path / "remote") == parts(tmp_path / "local")
    assert call("verify", tmp_path / "remote").code == 0


def test_a_server_that_cannot_prove_itself_is_refused_in_one_line(call, certificate, tmp_path):
    with serving(certificate) as server:
        url = server.put("pages.warc.gz", b"never read")
        assert "certificate" in call("extract", url, "-o", tmp_path / "out").error.lower()
        assert server.asked == []
    assert not list((tmp_path / "out").glob("*.parquet"))
