"""The example's mails, sent to a server that speaks SMTP over TLS."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from examples.openid_provider.mail import by_smtp, compose

pytestmark = pytest.mark.one_version


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now, address = datetime.now(UTC), x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = tmp_path / "mail.pem"
    file.write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(pem)
    )
    return file


@pytest.fixture
def server(certificate: Path) -> Iterator[tuple[int, list[str]]]:
    """A mail server: its port, and the lines that it gets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, context, lines))
        thread.start()
        yield listening.getsockname()[1], lines
        thread.join(timeout=20)


def _serve(listening: socket.socket, context: ssl.SSLContext, lines: list[str]) -> None:
    connection, _ = listening.accept()
    answers = {
        "EHLO": "250-mail\r\n250 AUTH PLAIN",
        "AUTH": "235 ok",
        "DATA": "354 go",
        "QUIT": "221 bye",
    }
    try:
        with context.wrap_socket(connection, server_side=True) as talking:
            talking.sendall(b"220 mail\r\n")
            is_data = False
            for octets in talking.makefile("rb"):
                line = octets.decode().rstrip("\r\n")
                lines.append(line)
                is_data = is_data and line != "."
                if not is_data:
                    talking.sendall(
                        f"{answers.get(line[:4].upper(), '250 ok')}\r\n".encode()
                    )
                    is_data = line.upper() == "DATA"
    except OSError:
        connection.close()  # the client did not trust the certificate


async def send(port: int) -> None:
    mail = compose(
        "ann@shop.example", "A subject", "One.", "Two: http://x/?" + "y" * 90
    )
    send_mail = by_smtp(
        "127.0.0.1",
        "issuer@shop.example",
        username="issuer",
        password="swordfish",
        port=port,
    )
    await send_mail(mail)


def test_a_mail_is_sent_over_tls(
    server: tuple[int, list[str]], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port, lines = server
    asyncio.run(send(port))
    assert "rcpt TO:<ann@shop.example>" in lines
    assert {"From: issuer@shop.example", "Subject: A subject", "One."} <= set(lines)


def test_a_server_with_another_certificate_gets_no_mail(
    server: tuple[int, list[str]],
) -> None:
    port, lines = server
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(send(port))
    assert lines == []


def test_a_line_break_adds_no_header() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        compose("ann@shop.example", "A subject\nBcc: eve@evil.example", "One.")
