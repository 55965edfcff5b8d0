"""Serves the examples on an embedded PostgreSQL: `make example`."""

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from authority_queries import Settings, migrate
from authority_queries.service.backend import running_backend
from examples.notes.app import make_app as make_notes
from examples.openid_provider.app import make_app as make_issuer
from examples.openid_provider.issuers import mint_secret
from examples.openid_provider.mail import Mail
from examples.openid_provider.sample import PASSWORD, SECRET, USERS, load_sample

_HOSTS = {"north": "127.0.0.1", "south": "localhost"}


def main() -> None:
    """Migrate, load the sample, and serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    # From now on a browser waits for an answer. A port in use changes nothing.
    sockets = [_listen(port), _listen(port + 1)]
    settings = Settings()
    if settings.database_url is None:
        print(f"data: {settings.data_dir}", flush=True)
    with running_backend(settings) as conninfo:
        migrate(conninfo)
        apps = make_apps(settings, port, port + 1, _secret(settings.data_dir))
        _print_addresses(port, port + 1)
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(apps, sockets))


def make_apps(
    settings: Settings,
    port: int,
    app_port: int,
    secret: bytes | None = None,
    mail: Mail | None = None,
) -> tuple[FastAPI, FastAPI]:
    """Load the sample. Return the issuer and the application."""
    load_sample(
        settings,
        {code: f"http://{host}:{app_port}" for code, host in _HOSTS.items()},
    )
    codes = {f"{host}:{port}": code for code, host in _HOSTS.items()}
    issuers = {f"{h}:{app_port}": f"http://{h}:{port}" for h in _HOSTS.values()}
    return (
        make_issuer(settings, "http", codes, secret, mail),
        make_notes(settings, issuers, SECRET),
    )


def _print_addresses(port: int, app_port: int) -> None:
    for code, host in _HOSTS.items():
        app, issuer = f"http://{host}:{app_port}/", f"http://{host}:{port}/"
        print(f"{code}: notes {app}, issuer {issuer}")
    print(f"users: {', '.join(USERS)}; password: {PASSWORD}")
    device = f"{sys.orig_argv[0]} -m examples.notes.television --port {port}"
    print(f"a device: {device}", flush=True)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        sys.exit(f"port {port} is not free. Choose another: make example PORT=9000")


async def _serve(apps: Sequence[FastAPI], sockets: Sequence[socket.socket]) -> None:
    """Serve until Ctrl-C. Each server passes the signal on when it has stopped."""
    servers = [uvicorn.Server(uvicorn.Config(app, log_level="warning")) for app in apps]
    await asyncio.gather(
        *(
            server.serve([listening])
            for server, listening in zip(servers, sockets, strict=True)
        )
    )


def _secret(folder: Path) -> bytes:
    """Return the secret beside this folder. In production a secret manager has it."""
    file = folder.with_name(f"{folder.name}.key")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(mint_secret())
    return file.read_bytes()


if __name__ == "__main__":
    main()
