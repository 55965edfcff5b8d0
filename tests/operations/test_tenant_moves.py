"""`Mover` and `authority tenant`: a tenant moves to another database, whole."""

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries import (
    AsyncMover,
    Authority,
    Maintenance,
    Mover,
    Settings,
    mint_token,
)
from authority_queries.cli import main
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import (
    AuthorityError,
    DuplicateError,
    InvalidDumpError,
    InvalidValueError,
    NotFoundError,
    PermissionDeniedError,
    SchemaVersionError,
    TenantActiveError,
    TenantInactiveError,
    UnavailableError,
)
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import yoyo_url
from tests.conftest import Databases, Server
from tests.isolation.matrix.world import FOREIGN, OWN, fill, tenant_id, tenant_tables
from tests.operations.moving import Place, owned, place

ACME = tenant_id(OWN)
FUNCTIONS = {
    "hold_tenant(%(acme)s)",
    "list_open_units(%(acme)s)",
    "list_moved_tables()",
    "dump_rows(%(acme)s, 'users', null, 10)",
    "load_rows(%(acme)s, 'users', '{id}', '[]')",
    "advance_feed(%(acme)s, 1)",
}


@pytest.fixture(scope="module")
def owner(server: Server) -> Iterator[str]:
    with owned(server.conninfo) as name:
        yield name


@pytest.fixture
def places(
    all_databases: Databases, template: str, owner: str, login_names: dict[str, str]
) -> Iterator[tuple[Place, Place]]:
    """A source with two tenants that have everything, and an empty target."""
    with ExitStack() as stack:
        source, target = (
            stack.enter_context(
                place(
                    stack.enter_context(all_databases.copy_of(template)),
                    owner,
                    login_names,
                )
            )
            for _ in range(2)
        )
        with source.dba.transaction():
            fill(source.dba, code=FOREIGN, extent=2, ids="ffffffff")
            fill(source.dba, code=OWN, extent=1, ids="aaaaaaaa")
        yield source, target


def dump_of(where: Place, tenant: UUID = ACME, wait: float = 30) -> str:
    with where.mover() as mover:
        return "".join(mover.dump_tenant(tenant, wait=timedelta(seconds=wait)))


def load(where: Place, dump: str, feed_ahead: int = 0) -> int:
    with where.mover() as mover:
        lines = dump.splitlines(keepends=True)
        return mover.load_tenant(lines, feed_ahead=feed_ahead).rows


def hold(where: Place, tenant: UUID = ACME) -> bool:
    with where.mover() as mover:
        return mover.hold_tenant(tenant)


def test_a_tenant_moves_there_and_back_whole(places: tuple[Place, Place]) -> None:
    source, target = places
    with Maintenance.open(source.settings("maintenance")) as maintenance:
        assert maintenance.seal_audit() > 0
        sealed = maintenance.verify_audit(ACME)
    others = source.digests(tenant_id(FOREIGN))
    assert hold(source)
    before, dump = source.digests(ACME), dump_of(source)
    empty = {name for name, (rows, _) in before.items() if rows == 0}
    partitions = {
        table.name for table in tenant_tables(source.dba) if table.is_partition
    }
    assert empty <= partitions
    assert load(target, dump) == sum(
        rows for name, (rows, _) in before.items() if name not in partitions
    )
    assert target.digests(ACME) == before
    assert dump_of(target) == dump
    with Maintenance.open(target.settings("maintenance")) as maintenance:
        heads = [chain.head for chain in sealed.chains if chain.head is not None]
        assert maintenance.verify_audit(ACME, heads=heads) == sealed
        assert heads
        assert sealed.chains[-1].problem is None
        assert maintenance.seal_audit() == 1  # the event of the hold
    with Maintenance.open(source.settings("maintenance")) as maintenance:
        with maintenance.store() as store:
            store.tenants.terminate(tenant_id=ACME)
        assert maintenance.erase_tenant(ACME).is_complete
    before = target.digests(ACME)
    load(source, dump_of(target))
    assert source.digests(ACME) == before
    assert source.digests(tenant_id(FOREIGN)) == others


def test_tokens_and_followers_go_on_in_the_other_database(
    places: tuple[Place, Place],
) -> None:
    source, target = places
    minted = mint_token("access", ACME)
    with Authority.open(source.settings("app")) as authority:
        with authority.tenant(ACME) as store:
            client = store.clients.create(
                tenant_id=ACME, client_id="mover", client_type="confidential"
            )
            store.grants.issue_to_client(
                tenant_id=ACME,
                token_hash=minted.hash,
                client_id="mover",
                lifetime=timedelta(minutes=10),
            )
            position = store.revocations.get_position(tenant_id=ACME)
        assert authority.verify_token(minted.token) is not None
        assert hold(source)
        assert not hold(source)
        dump = dump_of(source)
        assert authority.verify_token(minted.token) is None
        with (
            pytest.raises(TenantInactiveError),
            authority.tenant(ACME) as store,
        ):
            store.revocations.get_position(tenant_id=ACME)
    load(target, dump)
    with (
        Authority.open(target.settings("app")) as authority,
        Maintenance.open(target.settings("maintenance")) as maintenance,
    ):
        assert authority.verify_token(minted.token) is None
        with maintenance.store() as store:
            store.tenants.resume(tenant_id=ACME)
        assert authority.verify_token(minted.token) is not None
        with authority.tenant(ACME) as store:
            assert store.revocations.list_since(tenant_id=ACME, sequence=position) == []
            store.clients.revoke_tokens(tenant_id=ACME, client_uuid=client.id)
        with authority.tenant(ACME) as store:
            (entry,) = store.revocations.list_since(tenant_id=ACME, sequence=position)
        assert entry.sequence == position + 1
        assert authority.verify_token(minted.token) is None


def test_a_dump_waits_for_units_that_began_before(places: tuple[Place, Place]) -> None:
    source, target = places
    with pytest.raises(TenantActiveError, match="the tenant is active"):
        dump_of(source)
    with psycopg.connect(source.logins.app) as unit:
        unit.execute("select authority.enter_tenant(%s)", (ACME,))
        hold(source)
        with pytest.raises(
            TenantActiveError, match=rf"process {unit.info.backend_pid},"
        ):
            dump_of(source, wait=0)
        dumps: list[str] = []
        dumping = threading.Thread(target=lambda: dumps.append(dump_of(source)))
        dumping.start()
        dumping.join(0.2)
        assert dumping.is_alive()
        unit.execute(
            "insert into authority.users (tenant_id, username, username_key) "
            "values (%s, 'late', 'late')",
            (ACME,),
        )
        unit.commit()
        dumping.join(30)
        # A unit that begins now is refused, and is not waited for.
        with pytest.raises(psycopg.Error, match="suspended"):
            unit.execute("select authority.enter_tenant(%s)", (ACME,))
    (dump,) = dumps
    load(target, dump)
    query = "select count(*) from authority.users where username = 'late'"
    assert target.dba.execute(query).fetchone() == (1,)


def test_a_tenant_that_was_active_meanwhile_is_not_dumped(
    places: tuple[Place, Place],
) -> None:
    source, _ = places
    hold(source)
    refused: list[AuthorityError] = []

    def dump() -> None:
        try:
            dump_of(source)
        except AuthorityError as error:
            refused.append(error)

    with psycopg.connect(source.logins.maintenance) as operator:
        operator.execute("select count(*) from authority.tenants")
        dumping = threading.Thread(target=dump)
        dumping.start()
        dumping.join(0.5)
        with (
            Maintenance.open(source.settings("maintenance")) as maintenance,
            # In one transaction, so that no poll of the dump finds it active.
            maintenance.transaction() as store,
        ):
            store.tenants.resume(tenant_id=ACME)
            store.tenants.suspend(tenant_id=ACME)
    dumping.join(30)
    (error,) = refused
    assert isinstance(error, TenantActiveError)
    assert "changed" in str(error)


def test_a_dump_is_of_one_moment(places: tuple[Place, Place]) -> None:
    source, _ = places
    hold(source)
    with source.mover() as mover:
        texts = mover.dump_tenant(ACME)
        first = next(texts)
        source.dba.execute("delete from authority.login_attempts")
        rest = "".join(texts)
    assert '"login_attempts": 0' not in rest
    counts = json.loads((first + rest).splitlines()[-1])["rows"]
    assert counts["login_attempts"] > 0


def changed(dump: str) -> dict[str, tuple[str, type[AuthorityError]]]:
    """Return dumps that a load refuses, each with its error."""
    lines = dump.splitlines(keepends=True)
    version = json.loads(lines[0])["schema_version"]
    users = next(n for n, line in enumerate(lines) if '"table": "users"' in line)
    wide, narrow = (
        lines[users].replace(*change)
        for change in (('"email"', '"password"'), ('"users"', '"permissions"'))
    )
    named = json.loads(lines[1])["columns"].index("display_name")
    cells = json.loads(lines[2])
    renamed = json.dumps([*cells[:named], "Eve", *cells[named + 1 :]]) + "\n"
    foreign = [line.replace(str(ACME), str(tenant_id(FOREIGN))) for line in lines]
    return {
        "empty": ("", InvalidDumpError),
        "no last line": ("".join(lines[:-1]), InvalidDumpError),
        "cut in a row": (dump[: len(dump) // 2], InvalidDumpError),
        "cut in the last line": (dump[:-10], InvalidDumpError),
        "no last line break": (dump[:-1], InvalidDumpError),
        "a changed row": (dump.replace(lines[2], renamed), InvalidDumpError),
        "a missing row": (
            "".join(lines[: users + 1] + lines[users + 2 :]),
            AuthorityError,
        ),
        "a line too many": (dump + lines[-1], InvalidDumpError),
        "another format": (dump.replace("tenant 1", "tenant 2", 1), InvalidDumpError),
        "a row first": (lines[2] + dump, InvalidDumpError),
        "two headers": (lines[0] + dump, InvalidDumpError),
        "no tenant": (dump.replace(str(ACME), "acme", 1), InvalidDumpError),
        "another schema": (
            dump.replace(version, "0001_create_schema", 1),
            SchemaVersionError,
        ),
        "another column": (dump.replace(lines[users], wide), AuthorityError),
        "a shared table": (dump.replace(lines[users], narrow), AuthorityError),
        "rows of another tenant": (
            "".join([*lines[: users + 1], *foreign[users + 1 :]]),
            PermissionDeniedError,
        ),
        "a status that is not allowed": (
            dump.replace('"suspended"', '"asleep"'),
            InvalidValueError,
        ),
    }


def sealed(*lines: str) -> str:
    """Return the dump of these lines with a last line that matches them."""
    counts, name = dict[str, int](), ""
    for line in lines[1:]:
        if line.startswith("["):
            counts[name] += 1
        else:
            name = json.loads(line)["table"]
            counts[name] = 0
    body = "".join(lines)
    digest = hashlib.sha256(body.encode()).hexdigest()
    return body + json.dumps({"rows": counts, "sha256": digest}) + "\n"


def test_rows_without_their_tenant_are_not_added_to_one_that_is_there(
    places: tuple[Place, Place],
) -> None:
    source, _ = places
    before = source.digests(ACME)
    hold(source)
    header, tenants, _, *others = dump_of(source).splitlines(keepends=True)
    role = next(n for n, line in enumerate(others) if '"table": "roles"' in line)
    columns = json.loads(others[role])["columns"]
    cells = dict(zip(columns, json.loads(others[role + 1]), strict=True))
    cells |= {"id": str(ACME), "name": "planted"}
    rows = [others[role], json.dumps([*cells.values()]) + "\n"]
    with source.mover() as mover:
        for dump in (sealed(header, *rows), sealed(header, tenants, *rows)):
            assert refusal(mover, dump) is InvalidDumpError
    assert source.digests(ACME)["roles"] == before["roles"]


def test_a_batch_of_long_rows_is_loaded(places: tuple[Place, Place]) -> None:
    source, target = places
    source.dba.execute(
        "insert into authority.users "
        "(tenant_id, username, username_key, display_name, attributes) "
        "select %s, 'long' || n, 'long' || n, 'Long', "
        "jsonb_build_object('text', repeat('x', 30000)) "
        "from generate_series(1, 80) as n",
        (ACME,),
    )
    hold(source)
    load(target, dump_of(source))
    assert target.digests(ACME) == source.digests(ACME)


def test_deep_lines_are_refused(places: tuple[Place, Place]) -> None:
    source, target = places
    hold(source)
    header, tenants, *_ = dump_of(source).splitlines(keepends=True)
    deep = "[" * 200_000 + "]" * 200_000
    control = f'{{"table": "users", "columns": {deep}}}\n'
    with target.mover() as mover:
        assert refusal(mover, header + control) is InvalidDumpError
        assert refusal(mover, sealed(header, tenants, deep + "\n")) is InvalidDumpError


def refusal(mover: Mover, text: str) -> type[AuthorityError]:
    with pytest.raises(AuthorityError) as refused:
        mover.load_tenant(text.splitlines(keepends=True))
    return refused.type


def test_a_changed_dump_loads_nothing(places: tuple[Place, Place]) -> None:
    source, target = places
    hold(source)
    dump = dump_of(source)
    with target.mover() as mover:
        for name, (text, error) in changed(dump).items():
            assert issubclass(refusal(mover, text), error), name
    assert {rows for rows, _ in target.digests(ACME).values()} == {0}
    assert load(target, dump) > 0


def test_a_tenant_that_is_there_is_not_loaded_again(
    places: tuple[Place, Place],
) -> None:
    source, target = places
    hold(source)
    dump = dump_of(source)
    with pytest.raises(DuplicateError, match="tenants_id_pk"):
        load(source, dump)
    create = (
        "insert into authority.tenants (code, display_name) values ('acme', 'Another')"
    )
    target.dba.execute(create)
    with pytest.raises(DuplicateError, match="tenants_code_key"):
        load(target, dump)
    assert {rows for rows, _ in target.digests(ACME).values()} == {0}


def test_of_two_loads_at_once_one_inserts(places: tuple[Place, Place]) -> None:
    source, target = places
    hold(source)
    dump = dump_of(source)

    def outcome(_: int) -> str:
        try:
            load(target, dump)
        except DuplicateError:
            return "refused"
        return "loaded"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(outcome, range(2))) == ["loaded", "refused"]
    assert target.digests(ACME) == source.digests(ACME)


def test_a_restored_tenant_skips_numbers_of_its_feed(
    places: tuple[Place, Place],
) -> None:
    source, target = places
    hold(source)
    query = (
        "select last_sequence from authority.revocation_sequences where tenant_id=%s"
    )
    (last,) = source.dba.execute(query, (ACME,)).fetchone() or (0,)
    load(target, dump_of(source), feed_ahead=1000)
    assert target.dba.execute(query, (ACME,)).fetchone() == (last + 1000,)
    with (
        Maintenance.open(target.settings("maintenance")) as maintenance,
        maintenance.store() as store,
    ):
        store.tenants.revoke_tokens(tenant_id=ACME)
    assert target.dba.execute(query, (ACME,)).fetchone() == (last + 1001,)


def test_a_killed_load_leaves_nothing_and_runs_again(
    places: tuple[Place, Place],
) -> None:
    source, target = places
    hold(source)
    dump = dump_of(source)
    half = "".join(dump.splitlines(keepends=True)[:-1])
    environment = {**os.environ, "AUTHORITY_DATABASE_URL": yoyo_url(target.owner)}
    command = [sys.executable, "-m", "authority_queries", "tenant", "load"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as run:
        assert run.stdin is not None
        assert run.stderr is not None
        run.stdin.write(half.encode())
        run.stdin.flush()
        assert b"tenants: 1 rows" in run.stderr.readline()
        run.send_signal(signal.SIGKILL)
    assert {rows for rows, _ in target.digests(ACME).values()} == {0}

    def lines() -> Iterator[str]:
        for line in dump.splitlines(keepends=True):
            if '"table": "tokens"' in line:
                target.dba.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                    "where datname = current_database() "
                    "and application_name = 'authority'"
                )
            yield line

    with target.mover() as mover, pytest.raises(psycopg.OperationalError):
        mover.load_tenant(lines())
    assert {rows for rows, _ in target.digests(ACME).values()} == {0}
    assert load(target, dump) > 0


@pytest.mark.parametrize("login", ["app", "maintenance", "reader"])
def test_only_the_owner_dumps_and_loads(
    places: tuple[Place, Place], login: str
) -> None:
    source, _ = places
    found = source.dba.execute(
        "select proname::text from pg_proc where "
        "pronamespace = 'authority'::regnamespace and proacl::text not like '%=X/%,%'"
        " and not proacl::text ~ 'authority_(app|maintenance|reader)' "
        "and proname ~ '^(hold|dump|load|advance|list_moved|list_open)'"
    ).fetchall()
    assert {name for (name,) in found} == {one.partition("(")[0] for one in FUNCTIONS}
    with psycopg.connect(getattr(source.logins, login), autocommit=True) as session:
        for function in FUNCTIONS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"select authority.{function}".encode(), {"acme": ACME})
    with (
        pytest.raises(UnavailableError, match="as the owner of the database"),
        source.mover(login),
    ):
        pass


def events(where: Place) -> int:
    query = "select count(*) from authority.audit_events where tenant_id = %s"
    (count,) = where.dba.execute(query, (ACME,)).fetchone() or (0,)
    return int(count)


def test_no_other_session_changes_rows_without_an_event(
    places: tuple[Place, Place],
) -> None:
    source, _ = places
    pretend = f"-c authority.loaded_tenant={ACME} -c authority.tenant_id={ACME}"
    create = (
        "insert into authority.users (tenant_id, username, username_key) "
        "values (%s, %s, %s)"
    )
    before = events(source)
    with psycopg.connect(source.logins.app, autocommit=True, options=pretend) as app:
        app.execute(create, (ACME, "eve", "eve"))
        assert events(source) == before + 1
        app.execute("update authority.users set email = 'e@e' where username = 'eve'")
        app.execute("delete from authority.users where username = 'eve'")
    with psycopg.connect(
        source.logins.maintenance, autocommit=True, options=pretend
    ) as operator:
        operator.execute("update authority.tenants set display_name = 'Acme 2'")
    assert events(source) == before + 4
    # The owner may load, but changes nothing else in silence.
    with psycopg.connect(source.owner, autocommit=True, options=pretend) as session:
        session.execute(create, (ACME, "owner", "owner"))
        assert events(source) == before + 4
        session.execute(
            "update authority.users set email = 'o@o' where username = 'owner'"
        )
        session.execute("delete from authority.users where username = 'owner'")
        assert events(source) == before + 6
        session.execute("set authority.loaded_tenant = ''")
        session.execute(create, (ACME, "owner", "owner"))
    assert events(source) == before + 7


def test_a_load_lets_others_write_meanwhile(places: tuple[Place, Place]) -> None:
    source, target = places
    hold(source)
    held = {}

    def lines() -> Iterator[str]:
        yield from dump_of(source).splitlines(keepends=True)
        held.update(
            dict(
                target.dba.execute(
                    "select distinct relation::regclass::text, mode from pg_locks "
                    "where locktype = 'relation' and granted and "
                    "relation::regclass::text like 'authority.%' "
                    "and pid <> pg_backend_pid() and mode not in "
                    "('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')"
                ).fetchall()
            )
        )

    with target.mover() as mover:
        mover.load_tenant(lines())
    assert held == {}


def test_the_command_moves_a_tenant(
    places: tuple[Place, Place],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    tmp_path: Any,
) -> None:
    source, target = places
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(source.owner))
    assert main(["tenant", "dump", "acme"]) == 1
    assert capfdbinary.readouterr().err.decode() == (
        "authority: tenant_moves.list_open_units: the tenant is active: hold or "
        "suspend it first\n"
    )
    assert main(["tenant", "hold", "acme"]) == 0
    assert main(["tenant", "hold", "acme"]) == 0
    said = capfdbinary.readouterr().out
    assert said == b"the tenant is suspended\nthe tenant was not active\n"
    assert main(["tenant", "dump", "acme", "--wait", "-1"]) == 2
    assert main(["tenant", "dump", str(UUID(int=1))]) == 1
    capfdbinary.readouterr()
    assert main(["tenant", "dump", "acme"]) == 0
    dumped, told = capfdbinary.readouterr()
    assert re.search(rb"^users: \d+ rows, 1 batches, [\d.]+ s, done$", told, re.M)
    lines = dumped.splitlines(keepends=True)
    last = json.loads(lines[-1])
    assert last["sha256"] == hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    file = tmp_path / "acme"
    file.write_bytes(dumped)
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(target.owner))
    with file.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["tenant", "load", "--feed-ahead", "-1"]) == 2
        assert main(["tenant", "load"]) == 0
    out, told = capfdbinary.readouterr()
    assert re.search(rb"^tenants +1$", out, re.M)
    assert re.search(rb"^users: \d+ rows, 1 batches, [\d.]+ s, done$", told, re.M)
    assert target.digests(ACME) == source.digests(ACME)
    file.write_bytes(b"\xff")
    with file.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["tenant", "load"]) == 1
    assert b"not UTF-8" in capfdbinary.readouterr().err


def test_the_other_form_moves_a_tenant(places: tuple[Place, Place]) -> None:
    source, target = places

    async def lines(dump: str) -> AsyncIterator[str]:
        for line in dump.splitlines(keepends=True):
            yield line

    async def move() -> int:
        async with AsyncMover.open(source.settings("owner")) as mover:
            with pytest.raises(NotFoundError):
                await mover.hold_tenant(UUID(int=1))
            assert await mover.find_tenant(OWN) == ACME
            assert await mover.hold_tenant(ACME)
            dump = "".join([text async for text in mover.dump_tenant(ACME)])
        async with AsyncMover.open(target.settings("owner")) as mover:
            report = await mover.load_tenant(lines(dump))
        return report.rows

    assert asyncio.run(move()) > 0
    assert target.digests(ACME) == source.digests(ACME)


def test_a_tenant_moves_to_a_newer_server_and_back(
    places: tuple[Place, Place],
) -> None:
    source, target = places
    if source.dba.info.server_version >= 180000:
        pytest.skip("the server under test is as new as the embedded one")
    hold(source)
    dump = dump_of(source)
    with throwaway_database([MIGRATIONS]) as newer:
        settings = Settings(database_url=yoyo_url(newer))
        with Mover.open(settings) as mover:
            mover.load_tenant(dump.splitlines(keepends=True))
            again = "".join(mover.dump_tenant(ACME))
    assert again == dump
    load(target, again)
    assert target.digests(ACME) == source.digests(ACME)
