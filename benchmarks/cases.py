"""The measured calls: generated functions and their arguments for the bare driver."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Literal, TypeAlias, cast

from psycopg.types.json import Jsonb

from authority_queries.engine.runtime import QueryFile
from authority_queries.queries import (
    FOLDER,
    client_secrets,
    login_attempts,
    tokens,
    users,
)
from authority_queries.records import LoginAttempt, Token, User, VerifiedToken
from benchmarks.rows import USERS, Rows, new_token

Arguments: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One generated function.

    `arguments` returns the arguments of one call. `sent` converts them for psycopg, as
    every caller of the bare driver has to.
    """

    title: str
    statement: str
    gives: Literal["row", "rows", "count"]
    record: Callable[..., object] = tuple
    call: Callable[..., object]
    call_async: Callable[..., Awaitable[object]]
    arguments: Callable[[], Arguments]
    sent: Callable[[Arguments], Arguments] = dict

    @property
    def sql(self) -> str:
        """The SQL text that the generated function executes."""
        file, name = self.statement.split(".")
        queries = QueryFile(FOLDER / f"{file}.sql").queries
        return cast("str", getattr(queries, name).sql)


def make_cases(rows: Rows) -> list[Case]:
    """Return the cases: reads, the cheapest first, then writes."""
    return [
        Case(
            title="a row by its key",
            statement="users.get_by_id",
            gives="row",
            record=User,
            call=users.get_by_id,
            call_async=users.get_by_id_async,
            arguments=_same(tenant_id=rows.tenant_id, user_id=rows.user_id),
        ),
        Case(
            title="a row of 23 columns from 7 tables",
            statement="tokens.verify",
            gives="row",
            record=VerifiedToken,
            call=tokens.verify,
            call_async=tokens.verify_async,
            arguments=_same(
                tenant_id=rows.tenant_id,
                token_hash=rows.token_hash,
                type="access",
                resource=None,
            ),
        ),
        Case(
            title=f"a list of {USERS} rows",
            statement="users.list_after",
            gives="rows",
            record=User,
            call=users.list_after,
            call_async=users.list_after_async,
            arguments=_same(
                tenant_id=rows.tenant_id,
                status=None,
                prefix=None,
                role_id=None,
                after=None,
                page_size=USERS,
            ),
        ),
        *_writes(rows),
    ]


def _writes(rows: Rows) -> list[Case]:
    return [
        Case(
            title="a count of no rows",
            statement="client_secrets.record_use",
            gives="count",
            call=client_secrets.record_use,
            call_async=client_secrets.record_use_async,
            arguments=_same(tenant_id=rows.tenant_id, secret_id=rows.secret_id),
        ),
        Case(
            title="an insert of text and inet",
            statement="login_attempts.record",
            gives="row",
            record=LoginAttempt,
            call=login_attempts.record,
            call_async=login_attempts.record_async,
            arguments=_same(
                tenant_id=rows.tenant_id,
                username_key="user0001",
                user_id=rows.user_id,
                client_id="web",
                address=IPv4Address("192.0.2.1"),
                outcome="succeeded",
                reason=None,
                correlation_id="a3c1",
            ),
        ),
        Case(
            title="an insert of array, jsonb and time",
            statement="tokens.create",
            gives="row",
            record=Token,
            call=tokens.create,
            call_async=tokens.create_async,
            arguments=partial(
                new_token, rows.tenant_id, rows.client_uuid, rows.user_id
            ),
            sent=_sent_token,
        ),
    ]


def _same(**arguments: object) -> Callable[[], Arguments]:
    return lambda: arguments


def _sent_token(arguments: Arguments) -> Arguments:
    scopes = cast("tuple[str, ...]", arguments["scopes"])
    resources = cast("tuple[str, ...]", arguments["resources"])
    return {
        **arguments,
        "scopes": list(scopes),
        "resources": list(resources),
        "authorization_details": Jsonb([]),
        "properties": Jsonb(arguments["properties"]),
    }
