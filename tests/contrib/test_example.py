"""The command of `make example`, the device, and the size of the examples."""

import ast
import inspect
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import httpx
import pytest

from authority_queries import Authority, Settings
from examples.__main__ import main
from examples.notes.api import FIRST_NOTE, add_api
from examples.openid_provider.sample import PASSWORD, load_sample
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
            app, issuer = f"http://{host}:{port + 1}/", f"http://{host}:{port}/"
            assert printed == f"{code}: notes {app}, issuer {issuer}\n"
        with (
            _browser() as ann,
            _started("examples.notes.television", port, env) as television,
        ):
            _read_notes(ann, f"http://127.0.0.1:{port + 1}/")
            _check_issuer(ann, f"http://127.0.0.1:{port}")
            _approve(ann, television)
            with _browser() as other:
                _read_notes(other, f"http://localhost:{port + 1}/")
            assert television.stdout is not None
            assert television.stdout.read() == f"- {FIRST_NOTE}\n"
    assert process.returncode == 0
    key = tmp_path / "data.key"  # another run can read what this one has stored
    assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, 64)


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["examples", "--port", str(port)])
        with pytest.raises(SystemExit, match=f"port {port} is not free"):
            main()


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
    return httpx.Client(follow_redirects=True, trust_env=False)


def _read_notes(browser: httpx.Client, app: str) -> None:
    """Sign in at the application, which shows what its API returns."""
    assert 'href="/sign_in"' in browser.get(app).text
    asked = browser.get(f"{app}sign_in")
    typed = {"username": "ann", "password": PASSWORD}
    consent = _submit(browser, asked, "/sign_in", **typed)
    assert "Change your notes" in consent.text
    page = _submit(browser, consent, "/consent", answer="allow")
    assert page.url == app
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


def _approve(browser: httpx.Client, television: Popen[str]) -> None:
    """Connect the device, whose code the person has seen."""
    assert television.stdout is not None
    address, code = (next(television.stdout).split()[-1] for _ in range(2))
    page = _submit(browser, browser.get(address), "/device", user_code=code)
    assert "The television" in page.text
    _submit(browser, page, "/device/answer", answer="allow")


def _submit(
    browser: httpx.Client, page: httpx.Response, path: str, **typed: str
) -> httpx.Response:
    return browser.post(page.url.join(path), data=fields(page) | typed)


def test_the_clients_of_the_sample_follow_the_ports(
    authority_settings: Settings,
) -> None:
    for port in (8001, 8003, 8003):
        apps = {code: f"http://{host}:{port}" for code, host in HOSTS.items()}
        load_sample(authority_settings, apps)
        with Authority.open(authority_settings) as authority:
            for code, app in apps.items():
                tenant_id = authority.find_tenant(code)
                assert tenant_id is not None
                with authority.tenant(tenant_id) as store:
                    client = store.clients.get_by_client_id(
                        tenant_id=tenant_id, client_id="notes"
                    )
                assert client is not None
                assert client.redirect_uris == [f"{app}/callback"]
                assert client.backchannel_logout_uri == f"{app}/backchannel_logout"


def test_the_api_of_the_example_is_a_few_lines(figures: list[str]) -> None:
    lines = _lines(textwrap.dedent(inspect.getsource(add_api)))
    figures.append(f"examples/notes: the API is {lines} lines without its imports")
    assert lines <= 10


@pytest.mark.parametrize(
    ("folder", "most"), [("openid_provider", 1300), ("notes", 400)]
)
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
