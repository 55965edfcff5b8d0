"""State between two pages, which the browser keeps and can neither read nor change."""

import base64
import json

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.engine.json_types import JsonObject
from authority_queries.errors import DecryptionError
from authority_queries.secrets.encryption import Encrypted


def seal(
    members: JsonObject, purpose: str, settings: ProviderSettings, *, browser: str = ""
) -> str:
    """Return the members as a text that only this issuer can make and read.

    `browser` is a secret of the browser, such as a cookie: no other browser can use the
    text.
    """
    sealed = settings.keyring.encrypt(
        json.dumps(members).encode(), bound_to=(purpose, settings.issuer, browser)
    )
    octets = base64.urlsafe_b64encode(sealed.ciphertext).decode()
    return f"{octets}.{sealed.key_id}"


def unseal_members(
    text: str, purpose: str, settings: ProviderSettings, *, browser: str = ""
) -> JsonObject:
    """Return the members of a text that `seal` made. Raises ProtocolError."""
    octets, _, key_id = text.partition(".")
    try:
        sealed = Encrypted(ciphertext=base64.urlsafe_b64decode(octets), key_id=key_id)
        opened = settings.keyring.decrypt(
            sealed, bound_to=(purpose, settings.issuer, browser)
        )
    except (DecryptionError, ValueError):
        raise refuse_form() from None
    members: JsonObject = json.loads(opened)
    return members


def refuse_form() -> ProtocolError:
    """Return the refusal of a sealed text."""
    message = "the form is not of this server, or is too old"
    return ProtocolError("invalid_request", message)
