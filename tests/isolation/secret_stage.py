"""One tenant's secrets in use, and the witnesses."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self, cast
from uuid import uuid4

import psycopg
import pytest

from authority_queries import (
    hash_password,
    mint_token,
    parse_foreign_token,
    parse_token,
    tag_foreign_hash,
    verify_password,
)
from authority_queries.errors import InvalidArgumentError, TenantInactiveError
from tests.factories import HOUR, make_tenant
from tests.isolation.secret_failures import TRAPS, WRITES, Call, Failure, set_trap
from tests.isolation.secret_operations import Operations, Secrets
from tests.isolation.witness import ServerLog, Witness
from tests.stores import Logins, routed_store


@dataclass(frozen=True)
class Stage:
    """A tenant with secrets of its own, and the witnesses."""

    logins: Logins
    dba: "psycopg.Connection[Any]"
    mine: Secrets
    witness: Witness
    server_log: ServerLog

    @classmethod
    def of(cls, logins: Logins, dba: "psycopg.Connection[Any]") -> Self:
        with routed_store(logins) as store:
            mine = Secrets(make_tenant(store).id)
            store.tenants.accept_foreign_tokens(tenant_id=mine.tenant_id, lifetime=HOUR)
        return cls(logins, dba, mine, Witness(dba), ServerLog(dba))

    def succeed(self, authority: Any) -> set[str]:
        """Run all successful steps; return the outcomes of all grants."""
        outcomes, mine, witness = set(), self.mine, self.witness
        with authority.tenant(mine.tenant_id, autocommit=True) as store:
            for step in Operations(store, mine).all():
                result = step()
                witness.note_result(result)
                witness.look_at_activity()
                outcomes.add(getattr(result, "outcome", ""))
            witness.note_result([store, store.connection])
        for name in ("access", "refresh", "access_5"):
            token = mine.token(name)
            witness.note_result([token, parse_token(token.token)])
            witness.note_result(authority.verify_token(token.token))
            witness.note_result(authority.verify_token(token.token[:-1]))
        self._verify_foreign(authority)
        witness.note_result([authority, authority.settings, store])
        return outcomes - {""}

    def _verify_foreign(self, authority: Any) -> None:
        token = self.mine.token("foreign_access")
        key: dict[str, Any] = {"tenant_id": self.mine.tenant_id, "foreign": True}
        live = authority.verify_token(token.token, **key)
        assert live is not None
        self.witness.note_result([token, live])
        many = authority.verify_tokens([token.token, token.token[:-1]], **key)
        assert many == [live, None]
        self.witness.note_result(many)

    def fail(self, authority: Any, failures: dict[str, Failure], **unit: bool) -> None:
        """Let calls fail, each in a unit of work of its own."""

        def work(call: Call) -> None:
            with authority.tenant(self.mine.tenant_id, **unit) as store:
                ops = Operations(store, self.mine)
                call(ops, ops.client())

        for kind, call in failures.values():
            with pytest.raises(kind) as caught:
                work(call)
            self.witness.note_error(caught.value)
            self.witness.look_at_activity()

    def spring(self, authority: Any, trap: str) -> None:
        """Let PostgreSQL end each write in this way."""
        kind, body = TRAPS[trap]
        set_trap(self.dba, body)
        self.fail(authority, {name: (kind, call) for name, call in WRITES.items()})

    def find_no_tenant(self, authority: Any) -> None:
        stranger = replace(self.mine, tenant_id=uuid4())

        def work() -> None:
            with authority.tenant(stranger.tenant_id) as store:
                Operations(store, stranger).user()

        with pytest.raises(TenantInactiveError) as caught:
            work()
        self.witness.note_error(caught.value)

    def misuse_without_a_store(self) -> None:
        """Run failing calls that do not reach a store."""
        token, phc = self.mine.token("access").token, self.mine.hash_of("password")
        foreign, tenant_id = (
            self.mine.token("foreign_access").token,
            self.mine.tenant_id,
        )
        half: Any = f"{self.mine.password}\ud800"
        calls: list[Callable[..., object]] = [
            lambda of: parse_token(token, kind="refresh"),
            lambda of: parse_token(token[:-1] + "!"),
            lambda of: parse_token(token.replace("_at_", "_zz_")),
            lambda of: parse_token(of(token)),
            lambda of: parse_foreign_token(token, kind="access", tenant_id=tenant_id),
            lambda of: parse_foreign_token(
                f"{foreign} ", kind="access", tenant_id=tenant_id
            ),
            lambda of: parse_foreign_token(
                of(foreign), kind="access", tenant_id=tenant_id
            ),
            lambda of: parse_foreign_token(
                foreign, kind=of(foreign), tenant_id=tenant_id
            ),
            lambda of: tag_foreign_hash(foreign.encode()),
            lambda of: mint_token(of(token), self.mine.tenant_id),
            lambda of: hash_password(of(half)),
            lambda of: verify_password(phc, of(half)),
        ]
        for call in calls:
            with pytest.raises((TypeError, AttributeError, ValueError)) as caught:
                call(lambda text: [text])
            self.witness.note_error(caught.value)
        with pytest.raises(InvalidArgumentError) as refused:
            mint_token(cast("Any", token), self.mine.tenant_id)
        self.witness.note_error(refused.value)
        assert verify_password(phc, self.mine.password)
        assert not verify_password(phc, half)
        assert verify_password(hash_password(half), half)
