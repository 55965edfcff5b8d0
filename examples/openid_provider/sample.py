"""Two tenants with users and clients, made once."""

from authority_queries import Authority, Maintenance, Settings, hash_password
from authority_queries.errors import DuplicateError

PASSWORD = "correct horse battery staple"  # noqa: S105 -- a sample
TENANTS = {"north": "North Trading", "south": "South Library"}
USERS = {"ann": "Ann Archer", "bob": "Bob Baker"}


def load_sample(settings: Settings) -> None:
    """Create the tenants that are missing."""
    with (
        Maintenance.open(settings) as maintenance,
        Authority.open(settings) as authority,
    ):
        for code, name in TENANTS.items():
            try:
                with maintenance.store() as store:
                    tenant = store.tenants.create(code=code, display_name=name)
            except DuplicateError:
                continue
            with authority.tenant(tenant.id) as store:
                for username, display_name in USERS.items():
                    store.users.create(
                        tenant_id=tenant.id,
                        username=username,
                        display_name=display_name,
                        email=f"{username}@{code}.example",
                        password_hash=hash_password(PASSWORD),
                    )
