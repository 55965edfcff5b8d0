"""The part of the store that has how users sign in and out."""

from authority_queries.repositories._async.login_attempts import AsyncLoginAttempts
from authority_queries.repositories._async.logout_notices import AsyncLogoutNotices
from authority_queries.repositories._async.one_time_tokens import AsyncOneTimeTokens
from authority_queries.repositories._async.recovery_codes import AsyncRecoveryCodes
from authority_queries.repositories._async.repository import AsyncLease
from authority_queries.repositories._async.sessions import AsyncSessions
from authority_queries.repositories._async.totp_credentials import AsyncTotpCredentials
from authority_queries.repositories._async.user_credentials import AsyncUserCredentials
from authority_queries.repositories._async.user_identities import AsyncUserIdentities
from authority_queries.repositories._async.webauthn_credentials import (
    AsyncWebauthnCredentials,
)


class AsyncSignInStore:
    """The repositories of how users sign in and out."""

    def __init__(self, lease: AsyncLease) -> None:
        self.login_attempts = AsyncLoginAttempts(lease)
        self.sessions = AsyncSessions(lease)
        self.logout_notices = AsyncLogoutNotices(lease)
        self.user_identities = AsyncUserIdentities(lease)
        self.webauthn_credentials = AsyncWebauthnCredentials(lease)
        self.one_time_tokens = AsyncOneTimeTokens(lease)
        self.totp_credentials = AsyncTotpCredentials(lease)
        self.recovery_codes = AsyncRecoveryCodes(lease)
        self.user_credentials = AsyncUserCredentials(lease)
