"""Settings, from keyword arguments or the environment."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import platformdirs
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from authority_queries.errors import ConfigurationError

Backend = Literal["embedded", "postgres"]

# What root's embedded server keeps: root's own folders are closed to its user.
STATE_FOLDER: Final = Path("/var/lib/authority-queries")

_PREFIX = "AUTHORITY_"
_SECRETS = {"database_url"}
_DAY = 86400
# With one of its separators.
_YOYO_SCHEMA = re.compile(r"(?<=[?])schema=[^&]*&?|&schema=[^&]*")
_GRACE = 5  # seconds
# An @ or / in the password: libpq takes what follows for a host or a database, and
# errors name those.
_UNCLEAR = re.compile(r"[^@/]*[@/][^?]*@")


def _default_data_dir() -> Path:
    if os.name == "posix" and os.geteuid() == 0:
        return STATE_FOLDER / "data"
    return platformdirs.user_data_path("authority-queries")


class Settings(BaseSettings):
    """How to reach the authority's database.

    Each setting is a keyword argument, or an environment variable: its name in
    capitals after `AUTHORITY_`. A keyword argument wins.

    - `backend`: `embedded` starts a PostgreSQL of its own, `postgres` uses
      `database_url`. Not said: `postgres` if there is a `database_url`.
    - `database_url`: `postgresql://user:password@host:port/database?sslmode=…`, or
      the same with `postgresql+psycopg://`, which plain yoyo needs.
    - `data_dir`: where the embedded server keeps its data; ~ is the home directory.
      If not set: below the user's data directory; as root `/var/lib/authority-queries`.
    - `pool_min_size`, `pool_max_size`: connections kept and allowed.
    - `pool_timeout`, `connect_timeout`: seconds to wait for a free connection, for
      the server.
    - `statement_timeout`: seconds after which PostgreSQL ends a statement; 0: never.
      A server that has been silent for 5 s more is given up.
    - `prepared_statements`: if not set, statements are prepared unless a pooler stands
      before the server, which may mix up those of its clients. True is refused there.

    Raises ConfigurationError, which names the key, the value and what is allowed.
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
        }
        try:
            super().__init__(
                **{key: value for key, value in given.items() if value is not None}
            )
        except ValidationError as error:
            # Not chained: pydantic's own message repeats the input, password included.
            raise ConfigurationError(_explain(error)) from None

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, data_dir: Path) -> Path:
        return data_dir.expanduser().absolute()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.backend == "postgres" and self.database_url is None:
            message = "backend is postgres, which needs a database_url"
            raise ValueError(message)
        if self.backend == "embedded" and self.database_url is not None:
            message = "backend is embedded, which allows no database_url"
            raise ValueError(message)
        if self.pool_min_size > self.pool_max_size:
            message = (
                f"pool_min_size is {self.pool_min_size}; at most pool_max_size, "
                f"{self.pool_max_size}, is allowed"
            )
            raise ValueError(message)
        if self.database_url is not None:
            _connection_parameters(self.database_url.get_secret_value())
        return self

    @property
    def longest_silence(self) -> float | None:
        """Seconds after which a server that says nothing is given up. None: never.

        Later than PostgreSQL ends a statement, which says so.
        """
        return self.statement_timeout + _GRACE if self.statement_timeout else None

    @property
    def uses_embedded(self) -> bool:
        """Whether the embedded server is meant."""
        return self.database_url is None

    @property
    def connection_parameters(self) -> dict[str, str]:
        """The parts of `database_url` by libpq's names; empty for the embedded server.

        Holds the password.
        """
        if self.database_url is None:
            return {}
        return _connection_parameters(self.database_url.get_secret_value())

    def describe(self) -> str:
        """Say which database is meant, without its password."""
        if self.uses_embedded:
            return f"the embedded server in {self.data_dir}"
        parts = self.connection_parameters
        host, port = parts.get("host", "localhost"), parts.get("port", "5432")
        return f"{host}:{port}/{parts.get('dbname', '')}"


def _connection_parameters(url: str) -> dict[str, str]:
    scheme, separator, rest = url.partition("://")
    allowed = ("postgresql", "postgres", "postgresql+psycopg")
    if not separator or scheme not in allowed:
        message = "database_url must start with postgresql:// or postgresql+psycopg://"
        raise ValueError(message)
    if _UNCLEAR.match(rest):
        message = "database_url has an @ or / in its password: write %40 and %2F"
        raise ValueError(message)
    try:
        # The schema of yoyo's books is for plain yoyo, which shares the URL.
        parts = conninfo_to_dict(_YOYO_SCHEMA.sub("", f"postgresql://{rest}"))
    except ProgrammingError:
        message = "database_url is not a URL that libpq understands"
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
    return f"{key} ({_PREFIX}{key.upper()}) is {value}; allowed: {allowed}"
