"""Sends requests with wrk, whose own processor time is small beside a server's."""

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen

from authority_queries.errors import ConfigurationError

_SCRIPT: Final = Path(__file__).with_name("requests.lua")
_FORM: Final = "application/x-www-form-urlencoded"


class Load(NamedTuple):
    """Requests to an endpoint: the client, and a form for each.

    With `rotates`, a form is sent once, and the refresh token of its response makes
    the next form.
    """

    url: str
    client: tuple[str, str]
    forms: Sequence[dict[str, str]]
    rotates: bool = False


class Sent(NamedTuple):
    """The number of answered requests, seconds, and the 99th percentile in seconds."""

    requests: int
    seconds: float
    slow: float


def ask(load: Load) -> dict[str, object]:
    """Send the first form, and return the answer. Raises OSError for an error."""
    head = {"Authorization": _basic(load.client), "Content-Type": _FORM}
    request = Request(  # noqa: S310 -- http to a server of this benchmark
        load.url, urlencode(load.forms[0]).encode(), head, method="POST"
    )
    with urlopen(request, timeout=60) as response:  # noqa: S310 -- as above
        answer: dict[str, object] = json.load(response)
    return answer


def send(load: Load, seconds: int, connections: int) -> Sent:
    """Send requests for so long. Raises RuntimeError when one is refused."""
    with TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies"
        bodies.write_text("".join(f"{urlencode(form)}\n" for form in load.forms))
        run = subprocess.run(  # noqa: S603 -- Debian's program
            [
                wrk(),
                *("--threads", "1", "--connections", str(connections)),
                *("--duration", f"{seconds}s", "--timeout", "60s"),
                *("--script", str(_SCRIPT), load.url, "--", _basic(load.client)),
                str(bodies),
                *(["rotates"] if load.rotates else []),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
    (line,) = [each for each in run.stdout.splitlines() if each.startswith("measured")]
    requests, clock, broken, refused, slow = map(int, line.split()[1:])
    if broken or refused or not requests:
        message = f"{load.url}: {requests} requests, {broken} broken, {refused} refused"
        raise RuntimeError(message)
    return Sent(requests, clock / 1e6, slow / 1e6)


def wrk() -> str:
    """Return the path of wrk. Raises ConfigurationError."""
    found = which("wrk")
    if found is None:
        message = "wrk is not in PATH: install Debian's package wrk"
        raise ConfigurationError(message)
    return found


def _basic(client: tuple[str, str]) -> str:
    text = ":".join(quote_plus(part) for part in client)
    return f"Basic {base64.b64encode(text.encode()).decode()}"
