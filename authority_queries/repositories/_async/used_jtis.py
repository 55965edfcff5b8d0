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
        """Record the use of a jti. Returns True for the first use, False for a replay.

        Call it last, after the signature and all other checks (RFC 7523 section 3 item
        7, RFC 9449 section 11.1). `issuer` is the client_id of an assertion, or the JWK
        thumbprint (RFC 7638) of a proof's key.

        `expires_at` is the time from which you reject the assertion or proof for its
        age. Compute it from its own times alone, so that it is the same at every
        presentation: `exp` of an assertion, `iat` of a proof plus the age that you
        accept, each plus your leeway for clocks. Returns False if that time has passed
        by the database's clock. Afterwards the issuer may use the jti again.

        A concurrent use waits until your transaction ends. A rollback frees the jti: an
        effect that the rollback does not undo, such as a sent response, could happen
        twice. Call this in autocommit if in doubt.

        Raises InvalidValueError for an end more than a day away, which is the client's
        fault, or an invalid issuer; InvalidArgumentError for a datetime without a time
        zone, before 1900 or after 8999.
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
        return first is not None

    async def prune_expired(self, *, batch_size: int = 1000) -> int:
        """Delete a batch of jtis that expired five minutes ago, of all tenants.

        A statement of `use` must not take five minutes: see
        `AUTHORITY_STATEMENT_TIMEOUT`. Returns how many; call it again while that is
        `batch_size`. Calls may run concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection, batch_size=batch_size
        )
