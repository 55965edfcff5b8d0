"""A receiver of back-channel notices, in place of clients on the network."""

from collections.abc import Mapping

from authority_queries.contrib.oauth import Outgoing, Provider


class Receiver(Outgoing):
    """Receives notices in place of clients. With status 0 it does not answer."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status
        self.received: list[tuple[str, str]] = []

    def post(self, url: str, form: Mapping[str, str]) -> int:
        self.received.append((url, form["logout_token"]))
        if not self.status:
            raise ConnectionError
        return self.status


def sending(provider: Provider, sender: Outgoing) -> Provider:
    authority = provider.logout._authority
    return Provider(authority, provider.tenant_id, provider.settings, sender=sender)
