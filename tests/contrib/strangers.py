"""A server that answers as a stranger would: long, slowly, or elsewhere."""

import datetime
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from socket import socket
from socketserver import BaseRequestHandler, ThreadingTCPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "client.example"
_PATIENCE = 10

Answer = Callable[[socket], None]


@dataclass
class Stranger:
    """`answers` has what is sent for each path, `requests` what was received."""

    port: int
    answers: dict[str, Answer | bytes]
    trusting: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str, host: str = NAME) -> str:
        scheme = "http" if self.trusting is None else "https"
        return f"{scheme}://{host}:{self.port}{path}"


class Names:
    """A resolver. A name with several answers has each of them once."""

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.asked: list[str] = []
        self._answers = {name: iter(answers) for name, answers in names.items()}

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return next(self._answers[host])


def ok(body: bytes, *more: bytes) -> bytes:
    """Return an answer with this body."""
    length = b"content-length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 200 OK", length, *more, b"", body])


def dripping(answer: bytes, pause: float = 0.02) -> Answer:
    """Send an octet at a time."""

    def send(connection: socket) -> None:
        for octet in answer:
            connection.sendall(bytes([octet]))
            time.sleep(pause)

    return send


def endless(begin: bytes, part: bytes) -> Answer:
    """Send parts until the other side hangs up."""

    def send(connection: socket) -> None:
        connection.sendall(begin)
        while True:
            connection.sendall(part)

    return send


@contextmanager
def stranger(folder: Path | None = None, *names: str) -> Iterator[Stranger]:
    """Serve on this machine during the block, with TLS if there is a folder."""
    context = None
    found = Stranger(0, {})
    if folder is not None:
        context, found.trusting = _certificates(folder, names or (NAME,))

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            found.connections += 1
            with suppress(OSError), _secured(self.request, context) as connection:
                connection.settimeout(_PATIENCE)
                _answer(found, connection)

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _secured(connection: socket, context: ssl.SSLContext | None) -> socket:
    if context is None:
        return connection
    connection.settimeout(_PATIENCE)
    return context.wrap_socket(connection, server_side=True)


def _answer(found: Stranger, connection: socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.partition(b":")[2]):
                body += connection.recv(65536)
    found.requests.append(head + b"\r\n\r\n" + body)
    path = head.split(b" ")[1].decode().partition("?")[0]
    answer = found.answers[path]
    if isinstance(answer, bytes):
        connection.sendall(answer)
    else:
        answer(connection)


def _certificates(
    folder: Path, names: Sequence[str]
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server with these names, and of who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stranger")])
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - hour)
        .not_valid_after(now + hour)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_named(names)), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "stranger.pem"
    file.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


def _named(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found
