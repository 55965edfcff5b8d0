"""The fixtures for the tests of services run in a folder that is not this project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from authority_queries.service.migrations import yoyo_url
from authority_queries.testing.server import URL
from tests.conftest import Server

pytestmark = pytest.mark.one_version

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
FACTORIES = """
import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from authority_queries import AsyncAuthority, verify_password

FAR = datetime(2040, 2, 29, tzinfo=UTC)


def test_factories(authority_tenant, authority):
    ann = authority_tenant.user(password="swordfish", roles=["a", "b"])
    assert verify_password(ann.password_hash, "swordfish")
    app = authority_tenant.client(secret="a chosen secret")
    cookie, session = authority_tenant.session(ann)
    assert app.client_type == "confidential" and session.user_id == ann.id
    with authority_tenant.unit(autocommit=True) as store:
        roles = store.user_roles.list_by_user(
            tenant_id=authority_tenant.id, user_id=ann.id
        )
        [secret] = store.client_secrets.list_live(
            tenant_id=authority_tenant.id, client_id=app.client_id
        )
    assert {role.name for role in roles} == {"a", "b"}
    assert verify_password(secret.secret_hash, "a chosen secret")
    assert authority.verify_session(cookie) is not None


def test_a_frozen_clock(authority_clock, authority_dba):
    ask = "select authority.clock()"
    authority_clock.freeze(FAR)
    authority_clock.advance(timedelta(days=1))
    assert authority_dba.execute(ask).fetchone() == (FAR + timedelta(days=1),)


def test_after_it_the_time_is_real(authority_dba):
    ask = "select authority.clock() = statement_timestamp()"
    assert authority_dba.execute(ask).fetchone() == (True,)


def test_asynchronous(authority_settings, authority_tenant):
    token = authority_tenant.access_token(authority_tenant.client())

    async def verify():
        async with AsyncAuthority.open(authority_settings) as authority:
            return await authority.verify_token(token)

    assert asyncio.run(verify()) is not None


"""


@pytest.mark.parametrize("place", ["embedded", "existing"])
def test_the_fixtures_work_outside_this_project(
    place: str, server: Server, tmp_path: Path
) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    for number, code in enumerate(blocks):
        (tmp_path / f"test_page_{number}.py").write_text(code)
    (tmp_path / "test_factories.py").write_text(FACTORIES)
    surroundings = dict(os.environ)
    if place == "existing":
        surroundings[URL] = yoyo_url(server.conninfo)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.splitlines()[-1].startswith("7 passed"), run.stdout
    with psycopg.connect(server.conninfo) as dba:
        left = "select from pg_database where datname like 'authority_throwaway_%%'"
        assert dba.execute(left).rowcount == 0
