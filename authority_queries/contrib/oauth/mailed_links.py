"""The parts of a mail with a link."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedLink:
    """A link to mail to a person. Its URL begins with the issuer, never with `Host`."""

    email: str
    username: str
    token: str = field(repr=False)
