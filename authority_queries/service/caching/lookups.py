"""Lookups of the answers that a verifier keeps, without a lock."""

from enum import Enum
from typing import Final, Literal
from uuid import UUID

from authority_queries.engine.telemetry import TELEMETRY
from authority_queries.records import VerifiedToken
from authority_queries.service.caching.cache import TokenCache
from authority_queries.service.caching.clock import elapsed

_DIGEST: Final = 32  # octets of the hash of an own token


class _Unknown(Enum):
    UNKNOWN = "unknown"


UNKNOWN: Final = _Unknown.UNKNOWN
Recalled = VerifiedToken | None | Literal[_Unknown.UNKNOWN]


def key_of(tenant_id: UUID, token_hash: bytes) -> bytes:
    """Return the key of a token's answer.

    The string of an own token has its tenant in it. Several tenants may know the same
    string of another store.
    """
    is_own = len(token_hash) == _DIGEST
    return token_hash if is_own else tenant_id.bytes + token_hash


def recall(cache: TokenCache, key: bytes) -> Recalled:
    """Return the token of an answer in memory, None for a refusal, or UNKNOWN."""
    now = elapsed()
    answer = cache.answers.get(key)
    if answer is not None:
        if answer.until <= now or answer.feed.fresh_until <= now:
            return UNKNOWN
        cache.counts.hits += 1
        TELEMETRY.looked_up("verifier", "hit")
        return answer.token
    if cache.refused.get(key, now) <= now:
        return UNKNOWN
    cache.counts.refused_hits += 1
    TELEMETRY.looked_up("verifier", "hit")
    return None
