"""The command of `make example`, the device, and the size of the examples."""

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import httpx
import pytest

from authority_queries import Settings
from examples.notes.api import FIRST_NOTE
from examples.openid_provider.sample import PASSWORD
from tests.contrib.attacking import fields
from tests.contrib.serving import two_free_ports

pytestmark = pytest.mark.one_version

ROOT = Path(__file__).parents[2]
HOSTS = {"north": "127.0.0.1", "south": "localhost"}


def test_make_example_serves_an_application_and_two_issuers(
    authority_settings: Settings, tmp_path: Path
) -> None:
    recipe = subprocess.run(
        ["/usr/bin/env", "make", "--dry-run", "example"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "-m examples --port 8000" in recipe
    port = two_free_ports()
    assert authority_settings.database_url is not None
    env = {
        "AUTHORITY_BACKEND": "postgres",
        "AUTHORITY_DATABASE_URL": authority_settings.database_url.get_secret_value(),
        "AUTHORITY_DATA_DIR": str(tmp_path / "data"),
    }
    with _started("examples", port, env) as process:
        assert process.stdout is not None
        *sites, users, device = (next(process.stdout) for _ in range(4))
        assert users == f"users: ann, bob; password: {PASSWORD}\n"
        assert device.endswith(f"python -m examples.notes.television --port {port}\n")
        for printed, (code, host) in zip(sites, HOSTS.items(), strict=True):
            issuer, app = f"http://{host}:{port}", f"http://{host}:{port + 1}"
            assert printed == f"{code}: notes {app}/, issuer {issuer}/\n"
            with _browser() as browser:
                _read_notes(browser, app)
                _check_issuer(browser, issuer)
    assert process.returncode == 0
    key = tmp_path / "data.key"  # another run can read what this one has stored
    assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, 64)


@contextmanager
def _started(module: str, port: int, env: Mapping[str, str]) -> Iterator[Popen[str]]:
    """Run a module during the block, and end it as Ctrl-C does."""
    with Popen(
        [sys.executable, "-m", module, "--port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def _browser() -> httpx.Client:
    """Return a browser without scripts."""
    transport = httpx.HTTPTransport(retries=10)  # until the port is open
    return httpx.Client(transport=transport, follow_redirects=True)


def _read_notes(browser: httpx.Client, app: str) -> None:
    """Sign in at the application, which shows what its API returns."""
    assert 'href="/sign_in"' in browser.get(app).text
    asked = browser.get(f"{app}/sign_in")
    typed = {"username": "ann", "password": PASSWORD}
    consent = _submit(browser, asked, "/sign_in", **typed)
    assert "Change your notes" in consent.text
    page = _submit(browser, consent, "/consent", answer="allow")
    assert page.url == f"{app}/"
    assert "Ann Archer" in page.text
    assert FIRST_NOTE in page.text


def _check_issuer(browser: httpx.Client, issuer: str) -> None:
    account = browser.get(f"{issuer}/account").text
    assert "Ann Archer" in account
    assert "Notes" in account
    assert browser.post(f"{issuer}/sign_in", data={}).status_code == 403
    # Pages of other origins may call endpoints that public clients use.
    preflight = browser.options(f"{issuer}/token")
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert browser.options(f"{issuer}/introspect").status_code == 405


def _submit(
    browser: httpx.Client, page: httpx.Response, path: str, **typed: str
) -> httpx.Response:
    return browser.post(page.url.join(path), data=fields(page) | typed)


@pytest.mark.parametrize(("folder", "most"), [("openid_provider", 900), ("notes", 400)])
def test_the_logic_of_an_example_is_short(
    figures: list[str], folder: str, most: int
) -> None:
    files = sorted((ROOT / "examples" / folder).glob("*.py"))
    assert files
    lines = sum(_lines(file.read_text()) for file in files)
    figures.append(
        f"examples/{folder}: {lines} lines of Python in {len(files)} files, "
        "without blank lines, comments and docstrings"
    )
    assert lines < most


def _lines(source: str) -> int:
    """Count the lines that are not blank, of a comment or of a docstring."""
    documented = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return sum(
        number not in documented and line.strip()[:1] not in {"", "#"}
        for number, line in enumerate(source.splitlines(), 1)
    )
