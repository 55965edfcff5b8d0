"""The command of `make example`, and the size of the example."""

import ast
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from authority_queries import Settings
from examples.openid_provider.sample import PASSWORD
from tests.contrib.serving import free_port

pytestmark = pytest.mark.one_version

ROOT = Path(__file__).parents[2]
MODULE = "examples.openid_provider"


def test_make_example_serves_two_tenants(
    authority_settings: Settings, tmp_path: Path
) -> None:
    recipe = subprocess.run(
        ["/usr/bin/env", "make", "--dry-run", "example"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"-m {MODULE} --port 8000" in recipe
    port = free_port()
    assert authority_settings.database_url is not None
    url = authority_settings.database_url.get_secret_value()
    with subprocess.Popen(
        [sys.executable, "-m", MODULE, "--port", str(port)],
        cwd=ROOT,
        env={
            "AUTHORITY_BACKEND": "postgres",
            "AUTHORITY_DATABASE_URL": url,
            "AUTHORITY_DATA_DIR": str(tmp_path / "data"),
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            north, south, users = (next(process.stdout) for _ in range(3))
            assert north == f"north: http://127.0.0.1:{port}/\n"
            assert south == f"south: http://localhost:{port}/\n"
            assert users == f"users: ann, bob; password: {PASSWORD}\n"
            assert "Ann Archer" in _account(f"http://127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    key = tmp_path / "data.key"  # another run can read what this one has stored
    assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, 64)


def _account(site: str) -> str:
    """Sign in as a person without a browser. Return the page of the account."""
    transport = httpx.HTTPTransport(retries=10)  # until the port is open
    with httpx.Client(
        base_url=site, transport=transport, follow_redirects=True
    ) as client:
        form = client.get("/sign_in").text
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
        typed = {"username": "ann", "password": PASSWORD}
        answer = client.post("/sign_in", data=dict(hidden) | typed)
        assert answer.url.path == "/account"
        refused = client.post("/sign_in", data=typed)
        assert refused.status_code == 403
        # Pages of other origins may call endpoints that public clients use.
        assert client.options("/token").headers["access-control-allow-origin"] == "*"
        assert client.options("/introspect").status_code == 405
        return answer.text


def test_the_logic_of_the_example_is_short(figures: list[str]) -> None:
    files = sorted((ROOT / "examples/openid_provider").glob("*.py"))
    assert files
    lines = sum(_lines(file.read_text()) for file in files)
    figures.append(
        f"examples/openid_provider: {lines} lines of Python in {len(files)} files, "
        "without blank lines, comments and docstrings"
    )
    assert lines < 1300


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
