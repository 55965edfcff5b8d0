"""Starts the example on an embedded PostgreSQL: `make example`."""

import argparse
from pathlib import Path

import uvicorn

from authority_queries import Settings, migrate
from authority_queries.service.backend import running_backend
from examples.openid_provider.app import make_app
from examples.openid_provider.issuers import mint_secret
from examples.openid_provider.sample import PASSWORD, USERS, load_sample


def main() -> None:
    """Migrate, load the sample, and serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    settings = Settings()
    hosts = {f"127.0.0.1:{port}": "north", f"localhost:{port}": "south"}
    with running_backend(settings) as conninfo:
        migrate(conninfo)
        load_sample(settings)
        for host, code in hosts.items():
            print(f"{code}: http://{host}/")
        print(f"users: {', '.join(USERS)}; password: {PASSWORD}", flush=True)
        app = make_app(settings, "http", hosts, _secret(settings.data_dir))
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


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
