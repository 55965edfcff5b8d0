"""The replay guard of client assertions and DPoP proofs."""

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import instance
from authority_queries.queries import used_jtis as queries
from authority_queries.records import UsedJtiKind
from authority_queries.repositories._async.repository import AsyncRepository

_text: Final = instance(str)


class AsyncUsedJtis(AsyncRepository):
    """Queries of `queries/used_jtis.sql`."""

    async def use(
        self,
        *,
        tenant_id: UUID,
        kind: UsedJtiKind,
        issuer: str,
        jti: str,
        expires_at: datetime,
    ) -> bool:
        """Tell whether this is the first use of a jti, and remember it.

        Asked last, after the signature and everything else: RFC 7523 section 3 item 7,
        RFC 9449 section 11.1. `issuer` is the client_id of an assertion, the JWK
        thumbprint (RFC 7638) of a proof's key.

        `expires_at` is when you refuse what carries the jti for its age, made of its
        own times alone: `exp` of an assertion, `iat` and the time for which you take
        it of a proof; in both with your leeway for clocks. So one assertion comes
        with the same time whenever it is presented, and gets True once and never
        again: False is a replay, or an end that has passed by the database's clock.
        Another assertion of the issuer may have the same jti after that end.

        A racing use waits for the end of your transaction. After a rollback the jti
        is free again: what was done for its sake and is not undone too, such as an
        answer that was sent, could be had twice. When in doubt, call it in
        autocommit. Raises InvalidValueError for an end more than a day away, which
        is the client's fault, or an issuer that is none; InvalidArgumentError for a
        datetime without a time zone, before 1900 or after 8999.
        """
        text = _text("jti", jti).encode("utf-8", "surrogatepass")
        first = await queries.use_async(
            self._connection,
            tenant_id=tenant_id,
            kind=kind,
            issuer=issuer,
            jti_hash=hashlib.sha256(text).digest(),
            expires_at=expires_at,
        )
        return bool(first)

    async def prune_expired(self, *, batch_size: int = 1000) -> int:
        """Delete a batch of what has not been needed for five minutes, of all tenants.

        Gives how many; call again while it is `batch_size`. Rows that are locked are
        left for the next run, so that any number may run at once. No statement of
        `use` may take five minutes: see `AUTHORITY_STATEMENT_TIMEOUT`.
        """
        return await queries.prune_expired_async(
            self._connection, batch_size=batch_size
        )
