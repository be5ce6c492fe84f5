"""A timestamp authority for tests: certificates of our own making, and `openssl ts -reply`, also over HTTP (RFC 3161, 3.4).

    authority = make_authority(tmp_path / "tsa")
    authority.root_pem                    what a buyer's trust root would hold
    authority.reply(request)              the DER TimeStampResp to a DER TimeStampReq
    with serve(authority.answer) as url:  the same over HTTP; a test may hand over another function, to misbehave

Tests that use it skip where `openssl` is missing: `needs_openssl`.
"""

import shutil
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl as a timestamp authority")

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an HTTP response."""

_CONFIG = """
[tsa]
serial = {directory}/serial
signer_cert = {directory}/tsa.pem
{chain}
signer_key = {directory}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
{accuracy}
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What kind of authority: the signer's purpose and time, what it says of its accuracy, and what stands above it."""

    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING
    begin: timedelta = timedelta(days=-1)
    end: timedelta = timedelta(days=365)
    accuracy: str = "accuracy = secs:1, millisecs:500"
    use_rsa: bool = False
    with_intermediate: bool = False


@dataclass(frozen=True, slots=True)
class Authority:
    """A directory with `root.pem`, the signer's `tsa.pem` and `tsa.key`, and openssl's configuration `tsa.cnf`."""

    directory: Path
    _turn: threading.Lock

    @property
    def root_pem(self) -> str:
        return (self.directory / "root.pem").read_text()

    def certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.directory / name).read_bytes())

    def reply(self, request: bytes) -> bytes:
        """The response to a request; what openssl does not like it answers with a refusal."""
        query, answer = (self.directory / f"{uuid.uuid4()}.{ending}" for ending in ("tsq", "tsr"))
        query.write_bytes(request)
        command = ["openssl", "ts", "-reply", "-config", self.directory / "tsa.cnf", "-section", "tsa"]
        with self._turn:  # they share a file of serial numbers
            subprocess.run([*command, "-queryfile", query, "-out", answer], check=True, capture_output=True)
        return answer.read_bytes()

    def answer(self, request: bytes) -> Answer:
        return 200, {"Content-Type": REPLY_TYPE}, self.reply(request)

    def forge_purpose(self) -> None:
        """Puts a certificate in front of the signer's that has its names, number and key, but is made for timestamps.

        The real one, which the root has signed, moves to `real.pem`.
        """
        real = self.certificate("tsa.pem")
        (self.directory / "tsa.pem").rename(self.directory / "real.pem")
        forged = x509.CertificateBuilder(
            issuer_name=real.issuer,
            subject_name=real.subject,
            public_key=real.public_key(),
            serial_number=real.serial_number,
            not_valid_before=real.not_valid_before_utc,
            not_valid_after=real.not_valid_after_utc,
        )
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        forged = forged.add_extension(usage, critical=True)
        stranger = ec.generate_private_key(ec.SECP256R1())
        (self.directory / "tsa.pem").write_bytes(forged.sign(stranger, hashes.SHA256()).public_bytes(Encoding.PEM))


def make_authority(directory: Path, kind: Kind | None = None) -> Authority:
    """An authority in a new directory, whose name becomes part of the certificates'."""
    kind = kind or Kind()
    directory.mkdir(parents=True)
    now = datetime.now(UTC)
    always = (now - timedelta(days=999), now + timedelta(days=999))
    root_key, middle_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    key = rsa.generate_private_key(65537, 2048) if kind.use_rsa else ec.generate_private_key(ec.SECP256R1())
    root_name, middle_name, name = (_name(f"{what} {directory.name}") for what in ("root", "middle", "timestamps"))
    root = _certificate(root_name, root_name, root_key.public_key(), always)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    _write(directory / "root.pem", root.sign(root_key, hashes.SHA256()))
    issuer, issuer_key = root_name, root_key
    if kind.with_intermediate:
        middle = _certificate(middle_name, root_name, middle_key.public_key(), always)
        middle = middle.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        _write(directory / "middle.pem", middle.sign(root_key, hashes.SHA256()))
        issuer, issuer_key = middle_name, middle_key
    leaf = _certificate(name, issuer, key.public_key(), (now + kind.begin, now + kind.end))
    if kind.purpose == ExtendedKeyUsageOID.TIME_STAMPING:  # any other is critical to nobody, and shorter
        leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    critical = kind.purpose == ExtendedKeyUsageOID.TIME_STAMPING
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([kind.purpose]), critical=critical)
    _write(directory / "tsa.pem", leaf.sign(issuer_key, hashes.SHA256()))
    (directory / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (directory / "serial").write_text("01\n")
    chain = f"certs = {directory}/middle.pem" if kind.with_intermediate else ""
    (directory / "tsa.cnf").write_text(_CONFIG.format(directory=directory, chain=chain, accuracy=kind.accuracy))
    return Authority(directory, threading.Lock())


@contextmanager
def serve(answer: Callable[[bytes], Answer]) -> Iterator[str]:
    """The URL at which a function answers POST requests; it gets the body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            wanted = self.headers["Content-Type"] == QUERY_TYPE
            status, headers, content = answer(body) if wanted else (415, {}, b"")
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test {text}")])


def _certificate(name, issuer, key, times) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(times[0]).not_valid_after(times[1])


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
