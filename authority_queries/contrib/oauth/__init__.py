"""The endpoints of an OAuth 2.1 and OpenID Connect issuer, without a framework.

A `Provider` turns a parsed `Request` into an `Answer`, or into a decision about a
browser. The database decides about grants. `outcomes.py` has the error of each outcome.
"""

from authority_queries.contrib.oauth._async.outgoing import AsyncOutgoing
from authority_queries.contrib.oauth._async.provider import AsyncProvider
from authority_queries.contrib.oauth._sync.outgoing import Outgoing
from authority_queries.contrib.oauth._sync.provider import Provider
from authority_queries.contrib.oauth.answers import Answer, ProtocolError
from authority_queries.contrib.oauth.authorization_requests import (
    AskConsent,
    AuthorizationRequest,
    Decision,
    SignIn,
    unseal,
)
from authority_queries.contrib.oauth.decisions import (
    AskSignOut,
    ErrorPage,
    Redirect,
    SignedOut,
)
from authority_queries.contrib.oauth.fetching import (
    AsyncSender,
    Fetched,
    RefusedAnswerError,
    RefusedTargetError,
    Sender,
)
from authority_queries.contrib.oauth.mailed_links import MailedLink
from authority_queries.contrib.oauth.outgoing_rules import OutgoingRules
from authority_queries.contrib.oauth.requests import Request
from authority_queries.contrib.oauth.sealing import seal, unseal_members
from authority_queries.contrib.oauth.settings import (
    Endpoints,
    ProviderSettings,
    standard_claims,
)
from authority_queries.contrib.oauth.sign_ins import Passed, Refused

__all__ = [
    "Answer",
    "AskConsent",
    "AskSignOut",
    "AsyncOutgoing",
    "AsyncProvider",
    "AsyncSender",
    "AuthorizationRequest",
    "Decision",
    "Endpoints",
    "ErrorPage",
    "Fetched",
    "MailedLink",
    "Outgoing",
    "OutgoingRules",
    "Passed",
    "ProtocolError",
    "Provider",
    "ProviderSettings",
    "Redirect",
    "Refused",
    "RefusedAnswerError",
    "RefusedTargetError",
    "Request",
    "Sender",
    "SignIn",
    "SignedOut",
    "seal",
    "standard_claims",
    "unseal",
    "unseal_members",
]
