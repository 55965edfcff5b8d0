"""Settings, from keyword arguments or the environment."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

import platformdirs
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from authority_queries.errors import ConfigurationError

Backend = Literal["embedded", "postgres"]

# The files of root's embedded server: its system user cannot enter root's home.
STATE_FOLDER: Final = Path("/var/lib/authority-queries")

_PREFIX = "AUTHORITY_"
_SECRETS = {"database_url", "replica_url"}
_DAY = 86400
# The parameter with one separator.
_YOYO_SCHEMA = re.compile(r"(?<=[?])schema=[^&]*&?|&schema=[^&]*")
_GRACE = 5  # seconds
# The values of target_session_attrs by which libpq connects only to a primary.
_PRIMARY = {"primary", "read-write"}
# An @ or / in the password: libpq parses the rest as a host or a database, and repeats
# it in errors.
_UNCLEAR = re.compile(r"[^@/]*[@/][^?]*@")
_MONGODB: Final = "MongoDB is no backend: copy it with `authority import mongodb:…`"


def _default_data_dir() -> Path:
    if os.name == "posix" and os.geteuid() == 0:
        return STATE_FOLDER / "data"
    return platformdirs.user_data_path("authority-queries")


class Settings(BaseSettings):
    """How to reach the authority's database.

    Each setting is a keyword argument, or an environment variable: its name in
    capitals after `AUTHORITY_`. A keyword argument wins.

    - `backend`: `embedded` starts a PostgreSQL of its own, `postgres` uses
      `database_url`, in any case. Default: `postgres` if `database_url` is set.
    - `database_url`: `postgresql://user:password@host:port/database?sslmode=…`, or
      the same with `postgresql+psycopg://`, which plain yoyo needs.
    - `data_dir`: the folder of the embedded server's data; ~ is the home directory.
      Default: in the user's data directory; as root in `/var/lib/authority-queries`.
    - `pool_min_size`, `pool_max_size`: the number of connections kept and allowed.
    - `pool_timeout`, `connect_timeout`: seconds to wait for a free connection, and for
      the server.
    - `statement_timeout`: seconds after which PostgreSQL cancels a statement; 0 means
      never. A connection is closed when its server is silent for 5 s more.
    - `prepared_statements`: by default, statements are prepared unless a pooler is
      before the server, because poolers may mix up the prepared statements of their
      clients. True is refused behind a pooler.
    - `replica_url`: one or several standbys of the database, which verify tokens and
      execute units that only read (docs/replicas.md). Default: none.
    - `replica_max_lag`: the seconds by which such a read may be stale at most.
    - `replica_wait`: the seconds for which a read waits at most until a standby has
      replayed what it needs. Then it uses the primary.

    Raises ConfigurationError with the key, the value and the allowed values.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    backend: Backend | None = None
    database_url: SecretStr | None = None
    data_dir: Path = Field(default_factory=_default_data_dir)
    pool_min_size: Annotated[int, Field(ge=0)] = 1
    pool_max_size: Annotated[int, Field(ge=1)] = 10
    pool_timeout: Annotated[float, Field(gt=0, le=_DAY)] = 30
    connect_timeout: Annotated[float, Field(gt=0, le=_DAY)] = 10
    statement_timeout: Annotated[float, Field(ge=0, le=_DAY)] = 30
    prepared_statements: bool | None = None
    replica_url: SecretStr | None = None
    replica_max_lag: Annotated[float, Field(gt=0, le=_DAY)] = 1
    replica_wait: Annotated[float, Field(ge=0, le=_DAY)] = 0.05

    def __init__(
        self,
        *,
        backend: Backend | None = None,
        database_url: str | None = None,
        data_dir: Path | None = None,
        pool_min_size: int | None = None,
        pool_max_size: int | None = None,
        pool_timeout: float | None = None,
        connect_timeout: float | None = None,
        statement_timeout: float | None = None,
        prepared_statements: bool | None = None,
        replica_url: str | None = None,
        replica_max_lag: float | None = None,
        replica_wait: float | None = None,
    ) -> None:
        given: dict[str, Any] = {
            "backend": backend,
            "database_url": database_url,
            "data_dir": data_dir,
            "pool_min_size": pool_min_size,
            "pool_max_size": pool_max_size,
            "pool_timeout": pool_timeout,
            "connect_timeout": connect_timeout,
            "statement_timeout": statement_timeout,
            "prepared_statements": prepared_statements,
            "replica_url": replica_url,
            "replica_max_lag": replica_max_lag,
            "replica_wait": replica_wait,
        }
        try:
            super().__init__(
                **{key: value for key, value in given.items() if value is not None}
            )
        except ValidationError as error:
            # Not chained: pydantic's own message repeats the input, password included.
            raise ConfigurationError(_explain(error)) from None

    @field_validator("backend", mode="before")
    @classmethod
    def _fold(cls, backend: object) -> object:
        folded = backend.lower() if isinstance(backend, str) else backend
        return folded if folded in get_args(Backend) else backend

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, data_dir: Path) -> Path:
        return data_dir.expanduser().absolute()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.backend == "postgres" and self.database_url is None:
            message = "database_url must be set when backend is postgres"
            raise ValueError(message)
        if self.backend == "embedded" and self.database_url is not None:
            message = "database_url must not be set when backend is embedded"
            raise ValueError(message)
        if self.pool_min_size > self.pool_max_size:
            message = (
                f"pool_min_size must be at most pool_max_size ({self.pool_max_size}), "
                f"not {self.pool_min_size}"
            )
            raise ValueError(message)
        _parameters_of("database_url", self.database_url)
        if self.replica_url is not None:
            self._check_replica()
        return self

    def _check_replica(self) -> None:
        _parameters_of("replica_url", self.replica_url)
        if self.database_url is None:
            message = "database_url must be set when replica_url is"
            raise ValueError(message)
        target = self.connection_parameters.get("target_session_attrs", "primary")
        if target not in _PRIMARY:
            message = (
                "target_session_attrs in database_url must be primary or read-write "
                "when replica_url is set"
            )
            raise ValueError(message)

    @property
    def longest_silence(self) -> float | None:
        """Seconds of silence after which a connection is closed. None means never.

        Longer than statement_timeout, whose error names the reason.
        """
        return self.statement_timeout + _GRACE if self.statement_timeout else None

    @property
    def uses_embedded(self) -> bool:
        """Whether the embedded server is used."""
        return self.database_url is None

    @property
    def connection_parameters(self) -> dict[str, str]:
        """The parts of `database_url` by libpq's names; empty for the embedded server.

        The password is one of them.
        """
        return _parameters_of("database_url", self.database_url)

    @property
    def replica_parameters(self) -> dict[str, str]:
        """The parts of `replica_url` by libpq's names; empty without one.

        The password is one of them.
        """
        return _parameters_of("replica_url", self.replica_url)

    def describe(self) -> str:
        """Return which database is used, without its password."""
        if self.uses_embedded:
            return f"the embedded server in {self.data_dir}"
        return _describe(self.connection_parameters)

    def describe_replica(self) -> str:
        """Return which standbys are used, without the password."""
        return _describe(self.replica_parameters)


def _describe(parts: dict[str, str]) -> str:
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    return f"{host}:{port}/{parts.get('dbname', '')}"


def _parameters_of(name: str, secret: SecretStr | None) -> dict[str, str]:
    if secret is None:
        return {}
    scheme, separator, rest = secret.get_secret_value().partition("://")
    allowed = ("postgresql", "postgres", "postgresql+psycopg")
    if not separator or scheme not in allowed:
        message = f"{name} must start with postgresql:// or postgresql+psycopg://"
        is_mongodb = scheme.startswith("mongodb")
        raise ValueError(f"{message}. {_MONGODB}" if is_mongodb else message)
    if _UNCLEAR.match(rest):
        message = f"{name} must spell @ and / in the password as %40 and %2F"
        raise ValueError(message)
    try:
        # Plain yoyo, which shares the URL, reads the schema of its tables from it.
        parts = conninfo_to_dict(_YOYO_SCHEMA.sub("", f"postgresql://{rest}"))
    except ProgrammingError:
        message = f"{name} must be a URL that libpq can parse"
        raise ValueError(message) from None
    return {key: str(value) for key, value in parts.items() if value is not None}


def _explain(error: ValidationError) -> str:
    return "; ".join(_explain_one(detail) for detail in error.errors())


def _explain_one(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return message
    key = str(detail["loc"][0])
    value = "(hidden)" if key in _SECRETS else repr(detail["input"])
    allowed = message.removeprefix("Input should be ")
    explained = f"{key} ({_PREFIX}{key.upper()}) is {value}; allowed: {allowed}"
    is_mongodb = value.lower() in ("'mongo'", "'mongodb'")
    return f"{explained}. {_MONGODB}" if is_mongodb else explained
