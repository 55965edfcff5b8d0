"""The steps of pruning, and the statement of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from authority_queries.repositories._async.store import AsyncStore
from authority_queries.service.retention import Retention, StepName


class AsyncBatch(Protocol):
    """Executes one batch of at most `size` rows, and returns the number of rows."""

    async def __call__(self, store: AsyncStore, kept: Retention, size: int, /) -> int:
        """Execute one statement, which commits."""


@dataclass(frozen=True, slots=True)
class AsyncStep:
    """The statement of one step. If it is repeated, it runs until no rows are left."""

    batch: AsyncBatch
    is_repeated: bool = True


STEPS: Final[Mapping[StepName, AsyncStep]] = {
    "create_partitions": AsyncStep(
        lambda store, kept, _: store.login_attempts.create_partitions(
            months_ahead=kept.months_ahead
        ),
        is_repeated=False,
    ),
    "drop_partitions": AsyncStep(
        lambda store, kept, _: store.login_attempts.drop_partitions(
            retention=kept.login_attempts
        ),
        is_repeated=False,
    ),
    "default_partition": AsyncStep(
        lambda store, kept, size: store.login_attempts.prune_default(
            retention=kept.login_attempts, batch_size=size
        )
    ),
    "create_audit_partitions": AsyncStep(
        lambda store, kept, _: store.audit_events.create_partitions(
            months_ahead=kept.months_ahead
        ),
        is_repeated=False,
    ),
    "drop_audit_partitions": AsyncStep(
        lambda store, kept, _: store.audit_events.drop_partitions(
            retention=kept.audit_events
        ),
        is_repeated=False,
    ),
    "default_audit_partition": AsyncStep(
        lambda store, kept, size: store.audit_events.prune_default(
            retention=kept.audit_events, batch_size=size
        )
    ),
    "used_jtis": AsyncStep(
        lambda store, _, size: store.used_jtis.prune_expired(batch_size=size)
    ),
    "pushed_requests": AsyncStep(
        lambda store, kept, size: store.pushed_requests.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "device_authorizations": AsyncStep(
        lambda store, kept, size: store.device_authorizations.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "one_time_tokens": AsyncStep(
        lambda store, kept, size: store.one_time_tokens.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "signing_keys": AsyncStep(
        lambda store, kept, size: store.signing_keys.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "tokens": AsyncStep(
        lambda store, kept, size: store.tokens.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "refresh_tokens": AsyncStep(
        lambda store, kept, size: store.tokens.prune_refresh_tokens(
            older_than=kept.expired, batch_size=size
        )
    ),
    "authorizations": AsyncStep(
        lambda store, kept, size: store.authorizations.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "consents": AsyncStep(
        lambda store, kept, size: store.consents.prune_revoked(
            older_than=kept.consents, batch_size=size
        )
    ),
    "logout_notices": AsyncStep(
        lambda store, kept, size: store.logout_notices.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "sessions": AsyncStep(
        lambda store, kept, size: store.sessions.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "user_roles": AsyncStep(
        lambda store, kept, size: store.user_roles.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "revocations": AsyncStep(
        lambda store, kept, size: store.revocations.prune_expired(
            older_than=kept.expired, batch_size=size
        )
    ),
    "superseded_revocations": AsyncStep(
        lambda store, kept, size: store.revocations.prune_superseded(
            older_than=kept.expired, batch_size=size
        )
    ),
    "login_throttles": AsyncStep(
        lambda store, _, size: store.login_attempts.prune_throttles(batch_size=size)
    ),
    "license_usage": AsyncStep(
        lambda store, kept, size: store.license_usage.prune(
            older_than=kept.usage, batch_size=size
        )
    ),
}
