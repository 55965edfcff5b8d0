"""The part of the store that has the grants and what they issue."""

from authority_queries.repositories._async.authorizations import AsyncAuthorizations
from authority_queries.repositories._async.consents import AsyncConsents
from authority_queries.repositories._async.device_authorizations import (
    AsyncDeviceAuthorizations,
)
from authority_queries.repositories._async.exchanges import AsyncExchanges
from authority_queries.repositories._async.grants import AsyncGrants
from authority_queries.repositories._async.pushed_requests import AsyncPushedRequests
from authority_queries.repositories._async.redemptions import AsyncRedemptions
from authority_queries.repositories._async.repository import AsyncLease
from authority_queries.repositories._async.revocations import AsyncRevocations
from authority_queries.repositories._async.tokens import AsyncTokens
from authority_queries.repositories._async.used_jtis import AsyncUsedJtis


class AsyncGrantStore:
    """The repositories of grants and of what they issue."""

    def __init__(self, lease: AsyncLease) -> None:
        self.consents = AsyncConsents(lease)
        self.authorizations = AsyncAuthorizations(lease)
        self.grants = AsyncGrants(lease)
        self.exchanges = AsyncExchanges(lease)
        self.redemptions = AsyncRedemptions(lease)
        self.device_authorizations = AsyncDeviceAuthorizations(lease)
        self.tokens = AsyncTokens(lease)
        self.pushed_requests = AsyncPushedRequests(lease)
        self.used_jtis = AsyncUsedJtis(lease)
        self.revocations = AsyncRevocations(lease)
