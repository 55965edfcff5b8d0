"""The connection string and the parameters of a service's connections."""

from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries.service.settings import Settings

# Settings that rules and values depend on. They override those of database and role.
_SESSION: Final = {
    "default_transaction_isolation": r"read\ committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "row_security": "on",
    "lock_timeout": "0",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
}


def service_conninfo(settings: Settings, conninfo: str, role: str) -> str:
    """Add to a connection string what a service's connections need.

    Sets the role, statement_timeout, the client encoding and the settings that rules
    depend on, also against the URL. Sets defaults that the URL can override: the
    application's name, no parameters in errors, a search_path without other users'
    functions, keepalives, and the primary of several hosts.
    """
    parameters = conninfo_to_dict(conninfo)
    seconds = settings.statement_timeout
    timeout = max(1, round(seconds * 1000)) if seconds else 0
    session = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    options = (
        "-c log_parameter_max_length_on_error=0 -c search_path=pg_catalog,pg_temp "
        f"{parameters.get('options', '')} "
        f"-c role={role} -c statement_timeout={timeout} {session}"
    )
    defaults: dict[str, str | int | None] = {
        "application_name": "authority",
        "connect_timeout": max(2, round(settings.connect_timeout)),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        "target_session_attrs": "primary",
    }
    forced = {"options": options, "client_encoding": "UTF8"}
    return make_conninfo("", **{**defaults, **parameters, **forced})


def psycopg_options(settings: Settings) -> dict[str, Any]:
    """Return psycopg's own arguments for a service's connections.

    An open connection is checked for a pooler before psycopg prepares a statement.
    """
    never = settings.prepared_statements is False
    prepare = {"prepare_threshold": None} if never else {}
    return {"autocommit": True, **prepare}
