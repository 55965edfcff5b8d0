"""`python -m benchmarks.caching`: what a verifier with a cache costs.

Exits with 1 when an answer from memory takes more than 5 µs of processor time, and with
2 when there is no server.
"""

import argparse
import asyncio
import copy
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle
from statistics import median
from time import process_time
from typing import Any, Final
from uuid import UUID

import psycopg
from tabulate import tabulate

from authority_queries import AsyncAuthority, Authority, Settings, Verifier, mint_token
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.queries import tenants, tokens
from authority_queries.records import VerifiedToken
from authority_queries.resources import MIGRATIONS
from authority_queries.service._sync.feed_reader import FeedReader
from authority_queries.service.caching.frozen import freeze
from authority_queries.service.migrations import yoyo_url
from benchmarks.machine import machine
from benchmarks.measuring import Timer, cpu_timer, measure
from benchmarks.peers import AsyncPeer, Peer
from benchmarks.rows import Rows, insert_rows, new_token

_LIMIT: Final = 5.0  # µs
_BLOCKS: Final = 40
_BLOCK: Final = 0.02
_HOUR: Final = timedelta(hours=1)
_TOKENS: Final = 4000
_FEW: Final = 100  # answers that are kept, so that each call is a miss
_FOLLOWED: Final = (1, 10, 100, 1000)
_QUIET: Final[dict[str, Any]] = {
    "listen": False,
    "poll_interval": _HOUR,
    "max_staleness": 2 * _HOUR,
}
_Lines = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class _World:
    """A database with a tenant's tokens."""

    settings: Settings
    rows: Rows
    strings: Sequence[str]
    tenant_ids: Sequence[UUID]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.caching", description=__doc__
    )
    parser.add_argument(
        "--server",
        metavar="CONNINFO",
        help="server to measure on (default: embedded)",
    )
    server = parser.parse_args(arguments).server
    with throwaway_database([MIGRATIONS], server) as database:
        print(machine(database), end="\n\n")
        world = _insert(database)
        hits = [*_hits(world), *asyncio.run(_async_hits(world))]
        _show("An answer from memory, client", hits)
        _show("An answer from the database, client and server", _misses(world))
        _show("Sharing an answer, client", _sharing(world))
        _show_memory(world)
        _show("Reading where feeds end, client and server", _readings(world))
    slowest = max(cost for _, cost in hits)
    print(f"the slowest answer from memory: {slowest:.2f} µs; allowed: {_LIMIT:g}")
    return 1 if slowest > _LIMIT else 0


def _insert(database: str) -> _World:
    with psycopg.connect(database, autocommit=True) as connection:
        rows = insert_rows(connection)
        create: Callable[..., object] = tokens.create
        strings = []
        for _ in range(_TOKENS):
            minted = mint_token("access", rows.tenant_id)
            known = new_token(rows.tenant_id, rows.client_uuid, rows.user_id)
            create(connection, **(known | {"token_hash": minted.hash}))
            strings.append(minted.token)
        ids = [_new_tenant(connection, number) for number in range(max(_FOLLOWED))]
        connection.execute("vacuum analyze")
    settings = Settings(database_url=yoyo_url(database), pool_max_size=1)
    return _World(settings, rows, strings, ids)


def _new_tenant(connection: psycopg.Connection[object], number: int) -> UUID:
    tenant = tenants.create(
        connection,
        code=f"followed-{number}",
        display_name="Followed",
        status="active",
        settings={},
    )
    return tenant.id


def _hits(world: _World) -> _Lines:
    token, tenant_id = world.rows.token, world.rows.tenant_id
    unknown = mint_token("access", tenant_id).token
    with (
        Authority.open(world.settings) as authority,
        authority.verifier(**_QUIET, refused_for=_HOUR) as verifier,
    ):
        _warm(verifier, token)
        verify = verifier.verify_token
        return [
            _line("verify_token(string)", lambda _: verify(token)),
            _line(
                "verify_token(string, tenant_id=…)",
                lambda _: verify(token, tenant_id=tenant_id),
            ),
            _line("verify_token(string) of a refused token", lambda _: verify(unknown)),
        ]


async def _async_hits(world: _World) -> _Lines:
    token = world.rows.token
    async with (
        AsyncAuthority.open(world.settings) as authority,
        authority.verifier(**_QUIET) as verifier,
    ):
        while not verifier.statistics.hits:
            await verifier.verify_token(token)
        timer = _async_cpu_timer(lambda _: verifier.verify_token(token))
        measured = await measure([timer], dict, _BLOCKS, _BLOCK)
        return [("await verify_token(string)", measured.microseconds(0))]


def _async_cpu_timer(peer: AsyncPeer) -> Timer:
    async def run(batch: Sequence[object]) -> float:
        started = process_time()
        for _ in batch:
            await peer({})
        return process_time() - started

    return run


def _misses(world: _World) -> _Lines:
    """Compare calls for tokens in turn, of which few are kept, with plain calls."""
    one, other = cycle(world.strings), cycle(world.strings)
    with (
        Authority.open(world.settings) as authority,
        authority.verifier(**_QUIET, max_tokens=_FEW) as verifier,
    ):
        _warm(verifier, world.strings[-1])
        with authority._lend() as connection:
            pid = connection.info.backend_pid
        peers: list[Peer] = [
            lambda _: verifier.verify_token(next(one)),
            lambda _: authority.verify_token(next(other)),
        ]
        timers = [cpu_timer(peer, pid) for peer in peers]
        measured = asyncio.run(measure(timers, dict, _BLOCKS, 2 * _BLOCK))
        assert verifier.statistics.hits < verifier.statistics.misses  # noqa: S101 -- as planned
    return [
        ("verifier.verify_token of a token that is not kept", measured.microseconds(0)),
        ("authority.verify_token", measured.microseconds(1)),
        ("their ratio", median(measured.ratios(1))),
    ]


def _sharing(world: _World) -> _Lines:
    with Authority.open(world.settings) as authority:
        found = authority.verify_token(world.rows.token)
    if found is None:
        message = "the token is not live: nothing to compare"
        raise RuntimeError(message)
    token: VerifiedToken = found
    return [
        ("freezing it once, at a miss", _line("", lambda _: freeze(token))[1]),
        ("copying it for each call", _line("", lambda _: copy.deepcopy(token))[1]),
    ]


def _show_memory(world: _World) -> None:
    options = {**_QUIET, "refused_for": _HOUR}
    with (
        Authority.open(world.settings) as authority,
        authority.verifier(**options) as verifier,
    ):
        _warm(verifier, world.rows.token)
        with _allocated(len(world.strings)) as of_answers:
            for string in world.strings:
                verifier.verify_token(string)
        unknown = [
            mint_token("access", world.rows.tenant_id).token for _ in range(_TOKENS)
        ]
        with _allocated(len(unknown)) as of_refusals:
            for string in unknown:
                verifier.verify_token(string)
        (feed,) = verifier._cache.feeds.values()
        started = process_time()
        for digest in feed.find(("client", token_of(verifier).client_id)):
            verifier._cache._drop(digest)
        ended = process_time() - started
    print("Memory:")
    print(f"an answer with what finds it: {of_answers[0]:.0f} octets")
    print(f"a refusal: {of_refusals[0]:.0f} octets")
    print(
        f"dropping the {len(world.strings) + 1} answers of a client: "
        f"{1000 * ended:.1f} ms",
        end="\n\n",
    )


def token_of(verifier: Verifier) -> VerifiedToken:
    """Return a token that is kept."""
    return next(iter(verifier._cache.answers.values())).token


@contextmanager
def _allocated(count: int) -> Iterator[list[float]]:
    """Fill in the octets that the block keeps for each of so many objects."""
    found: list[float] = []
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    yield found
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found.append((after - before) / count)


def _readings(world: _World) -> _Lines:
    with Authority.open(world.settings) as authority:
        with authority._lend() as connection:
            pid = connection.info.backend_pid
        reader: FeedReader = authority.verifier(**_QUIET)._reader
        return [
            (
                f"of {count} tenants",
                _line("", partial(_read, reader, ids), pid)[1],
            )
            for count in _FOLLOWED
            for ids in [world.tenant_ids[:count]]
        ]


def _read(reader: FeedReader, tenant_ids: Sequence[UUID], _: object) -> object:
    return reader._heads(tenant_ids)


def _line(call: str, peer: Peer, backend_pid: int | None = None) -> tuple[str, float]:
    timer = _client_timer(peer) if backend_pid is None else cpu_timer(peer, backend_pid)
    measured = asyncio.run(measure([timer], dict, _BLOCKS, _BLOCK))
    return call, measured.microseconds(0)


def _client_timer(peer: Peer) -> Timer:
    async def run(batch: Sequence[object]) -> float:
        started = process_time()
        for _ in batch:
            peer({})
        return process_time() - started

    return run


def _warm(verifier: Verifier, token: str) -> None:
    while not verifier.statistics.hits:
        verifier.verify_token(token)


def _show(title: str, lines: _Lines) -> None:
    print(f"{title}, CPU:")
    print(tabulate(lines, headers=("call", "µs"), floatfmt=("", ".2f")), end="\n\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.caching: {error}", file=sys.stderr)
        sys.exit(2)
