"""`python -m benchmarks.endpoints`: HTTP requests here and to peers' servers.

Compares the token and introspection endpoints of examples/openid_provider with those of
contrib.authlib, of Authlib on SQLAlchemy and of django-oauth-toolkit. Exits with 2
when there is no server or no wrk. `make benchmark` installs the packages that it needs.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.codegen.throwaway import memory_folder
from authority_queries.errors import AuthorityError
from benchmarks.machine import machine
from benchmarks.served.held import SCOPE, Held
from benchmarks.served.load import Load, ask, send, wrk
from benchmarks.served.reporting import Block, report
from benchmarks.served.serving import Served, prepared, served
from benchmarks.server import server_with

_ROOM: Final = 3 << 30
_SETTINGS: Final = {"shared_buffers": "512MB", "fsync": "off", "autovacuum": "off"}
_CONNECTIONS: Final = 8
# Of a request that hashes a password, so that few are under way at the end of a block.
_FEW: Final = 2
# A refresh token of each connection, and one that wrk uses up before it begins.
FAMILIES: Final = 2 * _CONNECTIONS
_CLIENT: Final = {"grant_type": "client_credentials", "scope": SCOPE}


class _Way(NamedTuple):
    """An application: its title, its server, and what its paths end with."""

    title: str
    is_async: bool = False
    end: str = ""


class _Size(NamedTuple):
    """How much is measured. `seconds` are those of a block, `long` with hashes."""

    tokens: int
    blocks: int
    seconds: int
    long_blocks: int
    long: int


WAYS: Final = {
    "authority": _Way("the example, on FastAPI", is_async=True),
    "authlib_on_store": _Way("contrib.authlib, on Flask"),
    "authlib": _Way("Authlib on SQLAlchemy, on Flask"),
    "toolkit": _Way("django-oauth-toolkit, on Django", end="/"),
}
_USUAL: Final = _Size(tokens=100_000, blocks=12, seconds=1, long_blocks=4, long=8)
_SHORT: Final = _Size(tokens=10_000, blocks=1, seconds=1, long_blocks=1, long=8)
_ENDPOINTS: Final = {
    "client": "The token endpoint, grant client_credentials:",
    "refresh": "The token endpoint, grant refresh_token with rotation:",
    "introspect": "The introspection endpoint, a live token of a user:",
}
_HASHED: Final = "The token endpoint, with a secret that is hashed as a password is:"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.endpoints", description=__doc__
    )
    parser.add_argument(
        "--short", action="store_true", help="fewer tokens and blocks: half a minute"
    )
    parser.add_argument(
        "--only", nargs="+", choices=WAYS, default=list(WAYS), help="serve only these"
    )
    chosen = parser.parse_args(arguments)
    wrk()
    with (
        memory_folder(_ROOM) as folder,
        server_with(folder / "data", _SETTINGS) as server,
    ):
        print(machine(server), end="\n\n", flush=True)
        found = _measured(server, chosen.only, _SHORT if chosen.short else _USUAL)
    titles = {name: way.title for name, way in WAYS.items()}
    print("\n\n".join(report(title, blocks, titles) for title, blocks in found.items()))
    return 0


def _measured(
    server: str, names: Sequence[str], size: _Size
) -> dict[str, Mapping[str, Sequence[Block]]]:
    """Return the blocks of each way for each endpoint, by its title."""
    refresh = (size.blocks + 2) * FAMILIES
    with ExitStack() as stack:
        dba = stack.enter_context(psycopg.connect(server, autocommit=True))
        databases = {name: _created(dba, server, name) for name in names}
        held = {
            name: prepared(name, database, size.tokens, refresh)
            for name, database in databases.items()
        }
        running = {
            name: stack.enter_context(
                served(name, database, dba, is_async=WAYS[name].is_async)
            )
            for name, database in databases.items()
        }
        found: dict[str, Mapping[str, Sequence[Block]]] = {
            title: _in_turns(running, held, endpoint, size)
            for endpoint, title in _ENDPOINTS.items()
        }
        found[_HASHED] = _hashing(running, held, size)
        return found


def _created(dba: "psycopg.Connection[object]", server: str, name: str) -> str:
    create = SQL("create database {} template template0")
    dba.execute(create.format(Identifier(f"benchmark_{name}")))
    return make_conninfo(server, dbname=f"benchmark_{name}")


def _in_turns(
    running: Mapping[str, Served], held: Mapping[str, Held], endpoint: str, size: _Size
) -> Mapping[str, Sequence[Block]]:
    """Measure an endpoint of each way. The ways take turns."""
    found: dict[str, list[Block]] = {name: [] for name in running}
    names = list(running)
    for name in names:
        check(load_of(running[name], held[name], name, endpoint, size.blocks))
        send(
            load_of(running[name], held[name], name, endpoint, size.blocks + 1),
            size.seconds,
            _CONNECTIONS,
        )
    for number in range(size.blocks):
        for turn in range(len(names)):
            name = names[(number + turn) % len(names)]
            load = load_of(running[name], held[name], name, endpoint, number)
            found[name].append(
                block_of(running[name], load, size.seconds, _CONNECTIONS)
            )
    return found


def _hashing(
    running: Mapping[str, Served], held: Mapping[str, Held], size: _Size
) -> Mapping[str, Sequence[Block]]:
    """Measure client_credentials where a secret is hashed as passwords are."""
    found: dict[str, list[Block]] = {}
    for _ in range(size.long_blocks):
        for name, server in running.items():
            client = held[name].hashed
            if client is not None:
                load = load_of(server, held[name], name, "client", 0)
                block = block_of(server, load._replace(client=client), size.long, _FEW)
                found.setdefault(name, []).append(block)
    return found


def load_of(server: Served, held: Held, name: str, endpoint: str, block: int) -> Load:
    """Return the requests of a block to an endpoint of a way."""
    path = "introspect" if endpoint == "introspect" else "token"
    forms = {
        "client": [_CLIENT],
        "introspect": [{"token": token} for token in held.access],
        "refresh": [
            {"grant_type": "refresh_token", "refresh_token": token}
            for token in held.refresh[block * FAMILIES :][:FAMILIES]
        ],
    }
    url = f"{server.url}/{path}{WAYS[name].end}"
    return Load(url, held.client, forms[endpoint], rotates=endpoint == "refresh")


def check(load: Load) -> None:
    """Raise RuntimeError when the answer is not that of a live token."""
    answer = ask(load)
    if not (answer.get("active") or answer.get("access_token")):
        message = f"{load.url}: nothing to compare with {sorted(answer)}"
        raise RuntimeError(message)


def block_of(server: Served, load: Load, seconds: int, connections: int) -> Block:
    """Send requests, and return what one of them took."""
    before = server.times()
    sent = send(load, seconds, connections)
    application, backends = server.times().since(before)
    return Block(
        rate=sent.requests / sent.seconds,
        server=application / sent.requests,
        backends=backends / sent.requests,
        slow=sent.slow,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.endpoints: {error}", file=sys.stderr)
        sys.exit(2)
