"""Mail to people. Replace `Outbox` by a function that sends, such as `by_smtp`."""

import asyncio
import smtplib
import ssl
import sys
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import TypeAlias

Mail: TypeAlias = Callable[[EmailMessage], Awaitable[None]]


class Outbox:
    """Prints mails, and keeps the last ones."""

    _KEPT = 100

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def __call__(self, mail: EmailMessage) -> None:
        """Print a mail to the console."""
        self.mails = [*self.mails, mail][-self._KEPT :]
        head = "".join(f"{name}: {value}\n" for name, value in mail.items())
        sys.stdout.write(f"\n{head}\n{mail.get_content()}\n")
        sys.stdout.flush()


def by_smtp(
    host: str, sender: str, *, username: str, password: str, port: int = 465
) -> Mail:
    """Return a function that sends mails over TLS (RFC 8314)."""
    context = ssl.create_default_context()

    def send(mail: EmailMessage) -> None:
        mail["From"] = sender
        with smtplib.SMTP_SSL(host, port, timeout=30, context=context) as server:
            server.login(username, password)
            server.send_message(mail)

    async def send_in_thread(mail: EmailMessage) -> None:
        await asyncio.to_thread(send, mail)

    return send_in_thread


def compose(address: str, subject: str, *paragraphs: str) -> EmailMessage:
    """Return a mail of plain text. A line break in the subject raises ValueError."""
    mail = EmailMessage()
    mail["To"] = address
    mail["Subject"] = subject
    mail.set_content("\n\n".join(paragraphs) + "\n")
    return mail
