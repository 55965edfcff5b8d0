"""Who acts in a unit of work, for the audit events of its changes."""

import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from authority_queries.engine.checks import optional, text, uuid
from authority_queries.engine.refusals import wrong_type
from authority_queries.errors import InvalidArgumentError
from authority_queries.repositories.arguments import check_host

_MAX_USER_AGENT: Final = 512
_id: Final = optional(uuid)
_client_id: Final = optional(text(1, 255))
_user_agent: Final = optional(text())
_correlation_id: Final = optional(text(0, 256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts in a unit of work, and from where: `Authority.tenant`.

    `user_id` is the key of a user, `service_account_id` of a service account; at most
    one of them acts, through the application `client_id`. A client without either acts
    itself. `address` and `user_agent` are the request's, `correlation_id` finds it in
    other logs.

    The database records what the service states. It also records its own login, which
    no service can choose. Raises InvalidArgumentError.
    """

    user_id: UUID | None = None
    service_account_id: UUID | None = None
    client_id: str | None = None
    address: IPv4Address | IPv6Address | None = None
    user_agent: str | None = None
    correlation_id: str | None = None

    def __post_init__(self) -> None:
        _id("user_id", self.user_id)
        _id("service_account_id", self.service_account_id)
        if self.user_id is not None and self.service_account_id is not None:
            message = "pass either user_id or service_account_id, not both"
            raise InvalidArgumentError(message, argument="service_account_id")
        _client_id("client_id", self.client_id)
        _address("address", self.address)
        _user_agent("user_agent", self.user_agent)
        _correlation_id("correlation_id", self.correlation_id)

    def setting(self) -> str:
        """Return the value of the setting `authority.actor`.

        A client chooses its User-Agent, so that one of any length is shortened.
        """
        given = {name: value for name, value in asdict(self).items() if value}
        if self.user_agent is not None:
            given["user_agent"] = self.user_agent[:_MAX_USER_AGENT]
        return json.dumps(given, default=str)


def _address(name: str, value: object) -> None:
    if not isinstance(value, IPv4Address | IPv6Address | None):
        raise wrong_type(name, "an IPv4Address or IPv6Address", value)
    check_host(name, value)
