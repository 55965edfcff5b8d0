"""SQLAlchemy 2 and Authlib, with a session for each call.

The server uses what Authlib's pages show: its mixins, `query_client`, `save_token` and
its validator, and for a refresh the methods that RefreshTokenGrant asks a server to
write. One query joins the user of a token; Authlib's pages use a second query.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Final

from authlib.common.security import generate_token
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_bearer_token_validator,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import (
    URL,
    Column,
    Engine,
    ForeignKey,
    Table,
    create_engine,
    delete,
    select,
    text,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    mapped_column,
    relationship,
    scoped_session,
    selectinload,
    sessionmaker,
)

from benchmarks.compared.workload import (
    CLIENTS,
    PERMISSIONS,
    ROLES,
    SCOPES,
    USERS,
    Runs,
    check,
    each,
    picked,
)

_MONTH: Final = 30 * 86400


class Base(DeclarativeBase):
    """The tables."""


_user_roles: Final = Table(
    "user_roles",
    Base.metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("role_id", ForeignKey("roles.id"), primary_key=True),
)
_role_permissions: Final = Table(
    "role_permissions",
    Base.metadata,
    Column("role_id", ForeignKey("roles.id"), primary_key=True),
    Column("permission_id", ForeignKey("permissions.id"), primary_key=True),
)


class Permission(Base):
    """A permission."""

    __tablename__ = "permissions"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Role(Base):
    """A role with permissions."""

    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    permissions: Mapped[list[Permission]] = relationship(secondary=_role_permissions)


class User(Base):
    """A user with roles."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[Role]] = relationship(secondary=_user_roles)

    def get_user_id(self) -> object:
        """Return the id, for Authlib."""
        return self.id


class OAuth2Client(Base, OAuth2ClientMixin):
    """A client."""

    __tablename__ = "oauth2_client"
    id: Mapped[int] = mapped_column(primary_key=True)


class OAuth2Token(Base, OAuth2TokenMixin):
    """An access token and its refresh token."""

    __tablename__ = "oauth2_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE")
    )
    user: Mapped[User | None] = relationship(lazy="joined")


_ROWS: Final = (
    """
    insert into users (id, username, email, password_hash)
    select n, 'user' || n, 'user' || n || '@example.com', repeat('x', 97)
    from generate_series(1, :users) as n
    """,
    "insert into roles (id, name) values (1, 'first'), (2, 'second')",
    """
    insert into permissions (id, name)
    select number, name
    from unnest(cast(:permissions as text[])) with ordinality as named (name, number)
    """,
    """
    insert into role_permissions (role_id, permission_id)
    select id % 2 + 1, id from permissions
    """,
    """
    insert into user_roles (user_id, role_id)
    select users.id, roles.id from users, roles
    """,
    """
    insert into oauth2_client (
        id, client_id, client_secret, client_id_issued_at, client_secret_expires_at,
        client_metadata
    )
    select
        n, 'client' || n, 'secret', 0, 0,
        '{"scope": "openid profile", "grant_types": ["refresh_token"]}'
    from generate_series(1, :clients) as n
    """,
    """
    insert into oauth2_token (
        user_id, client_id, token_type, access_token, refresh_token, scope, issued_at,
        access_token_revoked_at, refresh_token_revoked_at, expires_in
    )
    select
        n % :users + 1, 'client' || n % :clients + 1, 'Bearer',
        encode(sha256(convert_to('access' || n, 'UTF8')), 'hex'),
        case
            when n % 5 < 2
                then encode(sha256(convert_to('refresh' || n, 'UTF8')), 'hex')
        end,
        'openid profile', extract(epoch from now()), 0, 0, 86400
    from generate_series(0, :tokens - 1) as n
    """,
    "select setval('oauth2_token_id_seq', :tokens)",
)
_EXPIRED: Final = """
insert into oauth2_token (
    client_id, token_type, access_token, scope, issued_at, access_token_revoked_at,
    refresh_token_revoked_at, expires_in
)
select
    'client1', 'Bearer', gen_random_uuid()::text, '',
    extract(epoch from now()) - 90000, 0, 0, 3600
from generate_series(1, :count)
"""


def prepare(database: str, tokens: int) -> int:
    """Create the tables and the rows."""
    engine = engine_of(database)
    Base.metadata.create_all(engine)
    given = {
        "users": USERS,
        "clients": CLIENTS,
        "tokens": tokens,
        "permissions": list(PERMISSIONS),
    }
    with engine.begin() as connection:
        for statement in _ROWS:
            named = {key: given[key] for key in given if f":{key}" in statement}
            connection.execute(text(statement), named)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    engine.dispose()
    return tokens


def engine_of(database: str) -> Engine:
    """Return SQLAlchemy's engine, with its default pool."""
    parts = conninfo_to_dict(database)
    address = URL.create(
        "postgresql+psycopg",
        username=str(parts["user"]),
        database=str(parts["dbname"]),
        query={"host": str(parts["host"]), "port": str(parts["port"])},
    )
    return create_engine(address)


@contextmanager
def connected(database: str, tokens: int) -> Iterator[Runs]:
    """Connect, and yield the measured calls."""
    engine = engine_of(database)
    session = scoped_session(sessionmaker(engine))

    def in_session(call: Callable[[], object]) -> Callable[[], object]:
        def called() -> None:
            try:
                call()
            finally:
                session.remove()

        return called

    def expire(count: int) -> None:
        with engine.begin() as connection:
            connection.execute(text(_EXPIRED), {"count": count})

    def prune(count: int) -> None:
        over = OAuth2Token.issued_at + OAuth2Token.expires_in < int(time.time())
        deleted = session.execute(delete(OAuth2Token).where(over))
        session.commit()
        check(deleted.rowcount >= count)

    yield {
        "verify": each(in_session(_verify(session, tokens))),
        "issue": each(in_session(_issue(session))),
        "rotate": each(in_session(_rotate(session, tokens))),
        "sign in": each(in_session(_sign_in(session))),
        "expire": expire,
        "prune": prune,
    }
    engine.dispose()


def _string(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind}{number}".encode()).hexdigest()


def _verify(session: "scoped_session", tokens: int) -> Callable[[], object]:
    strings = cycle([_string("access", n) for n in picked(tokens)])
    validator: Any = create_bearer_token_validator(session, OAuth2Token)()

    def verify() -> None:
        token = validator.authenticate_token(next(strings))
        validator.validate_token(token, ["profile"], None)
        check(token.user.username)

    return verify


def _generator() -> BearerTokenGenerator:
    return BearerTokenGenerator(
        lambda **_: generate_token(42), lambda **_: generate_token(48)
    )


class _Request:
    """What `save_token` reads of a request."""

    def __init__(self, client: OAuth2Client, user: User | None) -> None:
        self.client = client
        self.user = user


def _issue(session: "scoped_session") -> Callable[[], object]:
    clients = cycle(range(1, CLIENTS + 1))
    query_client = create_query_client_func(session, OAuth2Client)
    save_token = create_save_token_func(session, OAuth2Token)
    generate = _generator()

    def issue() -> None:
        client = query_client(f"client{next(clients)}")
        token = generate(
            "client_credentials",
            client,
            scope=" ".join(SCOPES),
            include_refresh_token=False,
        )
        save_token(token, _Request(client, None))

    return issue


def _rotate(session: "scoped_session", tokens: int) -> Callable[[], object]:
    numbers = [n - n % 5 for n in picked(tokens)]
    held = [
        (_string("refresh", number), f"client{number % CLIENTS + 1}")
        for number in dict.fromkeys(numbers)
    ]
    query_client = create_query_client_func(session, OAuth2Client)
    save_token = create_save_token_func(session, OAuth2Token)
    generate = _generator()

    def rotate() -> None:
        string, client_id = held.pop(0)
        client = query_client(client_id)
        found = session.query(OAuth2Token).filter_by(refresh_token=string).first()
        check(found and not found.refresh_token_revoked_at)
        check(found.check_client(client))
        user = found.user
        token = generate("refresh_token", client, user=user, scope=found.get_scope())
        save_token(token, _Request(client, user))
        found.refresh_token_revoked_at = int(time.time())
        session.add(found)
        session.commit()
        held.append((str(token["refresh_token"]), client_id))

    return rotate


def _sign_in(session: "scoped_session") -> Callable[[], object]:
    names = cycle(range(1, USERS, 5))
    loading = selectinload(User.roles).selectinload(Role.permissions)

    def sign_in() -> None:
        query = select(User).options(loading).filter_by(username=f"user{next(names)}")
        user = session.execute(query).scalar_one()
        names_of = {each.name for role in user.roles for each in role.permissions}
        check(len(user.roles) == ROLES and len(names_of) == len(PERMISSIONS))

    return sign_in
