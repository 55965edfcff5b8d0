"""The state of a sign-in between two pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from authority_queries.contrib.oauth.sealing import refuse_form, seal, unseal_members
from authority_queries.contrib.oauth.settings import ProviderSettings
from authority_queries.records import UserCredentialKind

_SIGN_IN: Final = "sign_in"
# The person must finish within this time.
LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The person has shown what `amr` lists (RFC 8176).

    `began_at` is by the database's clock. `factors`: what the person can show besides.
    """

    user_id: UUID
    username: str
    began_at: datetime
    amr: Sequence[str] = ("pwd",)
    factors: Sequence[UserCredentialKind] = ()

    def seal(self, settings: ProviderSettings, *, browser: str) -> str:
        """Return this as a text that only this issuer can read, for a form.

        Only the browser that has this secret can go on with it: whoever copies the
        text needs no password any more.
        """
        members = {
            "user_id": str(self.user_id),
            "username": self.username,
            "began_at": self.began_at.isoformat(),
            "amr": list(self.amr),
            "factors": list(self.factors),
        }
        return seal(members, _SIGN_IN, settings, browser=browser)

    def with_code(self) -> "Passed":
        """Return this after a right code: two factors."""
        return replace(self, amr=(*self.amr, "otp", "mfa"))

    def with_passkey(self, *, is_synchronized: bool) -> "Passed":
        """Return this after a passkey that has verified its user: two factors."""
        key = "swk" if is_synchronized else "hwk"
        return replace(self, amr=(*self.amr, "pop", key, "mfa"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A password or code that is wrong, or came too often.

    Show one message for every reason. `retry_after`: there were too many attempts.
    """

    retry_after: timedelta | None = None


def unseal_passed(
    text: str, settings: ProviderSettings, now: datetime, *, browser: str
) -> Passed:
    """Return what `Passed.seal` made. Raises ProtocolError, also if it is too old."""
    members = dict(unseal_members(text, _SIGN_IN, settings, browser=browser))
    began_at = datetime.fromisoformat(str(members.pop("began_at")))
    user_id = UUID(str(members.pop("user_id")))
    if now - began_at > LIFETIME:
        raise refuse_form()
    try:
        return Passed(user_id=user_id, began_at=began_at, **members)  # type: ignore[arg-type]  # seal wrote it
    except TypeError:  # the seal of another version, which has other members
        raise refuse_form() from None
