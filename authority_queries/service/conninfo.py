"""The connection string and the parameters of a service's connections."""

from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries.service.settings import Settings

# What rules and values depend on, whatever a database or a role has set.
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
    """Add what connections of a service have: a name, a role and timeouts.

    Also what the rules depend on, whatever the URL says. And unless it says otherwise:
    errors do not repeat parameters, nobody else's functions are found, the kernel
    notices when the other side is gone, and of several hosts the primary is meant.
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


def connection_parameters(settings: Settings) -> dict[str, Any]:
    """Give what psycopg is told of each connection of a service.

    That statements are prepared behind no pooler is seen when it is open.
    """
    never = settings.prepared_statements is False
    prepare = {"prepare_threshold": None} if never else {}
    return {"autocommit": True, **prepare}
