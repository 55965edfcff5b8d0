from pathlib import Path
from typing import Any

import platformdirs
import pytest

from authority_queries import Settings
from authority_queries.cli import main
from authority_queries.errors import ConfigurationError

URL = "postgresql://me:swordfish@db.example:6432/authority?sslmode=require"


@pytest.mark.parametrize(
    ("uid", "folder"),
    [
        (1000, platformdirs.user_data_path("authority-queries")),
        (0, Path("/var/lib/authority-queries/data")),
    ],
)
def test_the_default_is_the_embedded_server_in_the_users_data(
    uid: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    settings = Settings()
    assert settings.uses_embedded
    assert settings.data_dir == folder
    assert settings.connection_parameters == {}
    assert settings.describe() == f"the embedded server in {settings.data_dir}"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_url_chooses_the_server(scheme: str) -> None:
    settings = Settings(database_url=URL.replace("postgresql", scheme, 1))
    assert not settings.uses_embedded
    assert settings.connection_parameters == {
        "user": "me",
        "password": "swordfish",
        "host": "db.example",
        "port": "6432",
        "dbname": "authority",
        "sslmode": "require",
    }
    assert settings.describe() == "db.example:6432/authority"


def test_no_representation_shows_the_password() -> None:
    settings = Settings(database_url=URL, replica_url=URL)
    shorter = settings.describe(), settings.describe_replica()
    for shown in (repr(settings), str(settings), *shorter):
        assert "swordfish" not in shown


def test_an_argument_overrides_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTHORITY_POOL_MAX_SIZE", "7")
    monkeypatch.setenv("AUTHORITY_DATA_DIR", "/somewhere")
    assert Settings().pool_max_size == 7
    assert Settings(pool_max_size=3).pool_max_size == 3
    assert Settings().data_dir == Path("/somewhere")


@pytest.mark.parametrize(
    "query", ["schema=b", "schema=b&sslmode=require", "sslmode=require&schema=b"]
)
def test_the_schema_of_yoyos_tables_is_removed_from_the_url(query: str) -> None:
    url = f"postgresql+psycopg://db.example/authority?{query}"
    found = Settings(database_url=url).connection_parameters
    assert found.pop("sslmode", "require") == "require"
    assert found == {"host": "db.example", "dbname": "authority"}


def test_an_empty_url_does_not_choose_the_embedded_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", "")
    with pytest.raises(ConfigurationError, match="must start with postgresql://"):
        Settings()


def test_a_tilde_is_the_home_directory() -> None:
    assert Settings(data_dir=Path("~/data")).data_dir == Path.home() / "data"


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"backend": "mongo"},
        r"^backend \(AUTHORITY_BACKEND\) is 'mongo'; allowed: 'embedded' or 'postgres'"
        r". MongoDB is no backend: copy it with `authority import mongodb:…`$",
    ),
    (
        {"backend": "MongoDB"},
        "AUTHORITY_BACKEND.* is 'MongoDB'; .*: copy it with `authority import mongodb:",
    ),
    (
        {"backend": "mysql"},
        r"AUTHORITY_BACKEND\) is 'mysql'; allowed: 'embedded' or 'postgres'$",
    ),
    ({"backend": 1}, "is 1; allowed: 'embedded' or 'postgres'$"),
    (
        {"database_url": "mongodb+srv://me:swordfish@h/d"},
        r"^database_url must start with postgresql:// .*`authority import mongodb:…`$",
    ),
    (
        {"pool_max_size": 0},
        r"pool_max_size \(AUTHORITY_POOL_MAX_SIZE\) is 0; allowed: greater than",
    ),
    (
        {"pool_min_size": 11},
        r"pool_min_size must be at most pool_max_size \(10\), not 11",
    ),
    ({"pool_timeout": 0}, "AUTHORITY_POOL_TIMEOUT"),
    ({"connect_timeout": "soon"}, "connect_timeout .* is 'soon'; allowed: a valid"),
    ({"statement_timeout": -1}, "statement_timeout .* is -1"),
    ({"connect_timeout": float("inf")}, "connect_timeout .* is inf"),
    ({"backend": "postgres"}, "database_url must be set when backend is postgres"),
    (
        {"backend": "embedded", "database_url": URL},
        "database_url must not be set when backend is embedded",
    ),
    ({"database_url": "mysql://me:swordfish@h/d"}, "must start with postgresql://"),
    ({"database_url": "swordfish"}, "must start with postgresql://"),
    ({"database_url": "postgresql://h/d?swordfish=1"}, "a URL that libpq can parse"),
    ({"database_url": 7}, r"database_url .* is \(hidden\)"),
    ({"replica_url": URL}, "database_url must be set when replica_url is"),
    ({"database_url": URL, "replica_url": "swordfish"}, "replica_url must start with"),
    (
        {"database_url": f"{URL}&target_session_attrs=any", "replica_url": URL},
        "must be primary or read-write when replica_url is set",
    ),
    ({"replica_max_lag": 0}, "replica_max_lag .* is 0"),
    ({"replica_wait": -1}, "replica_wait .* is -1"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_value_is_named_with_its_key_and_the_allowed_values(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Settings(**arguments)
    assert "swordfish" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_wrong_environment_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTHORITY_BACKEND", "mongo")
    with pytest.raises(ConfigurationError, match=r"AUTHORITY_BACKEND.* is 'mongo'"):
        Settings()
    assert main(["check"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "AUTHORITY_BACKEND) is 'mongo'; allowed: 'embedded'" in printed.err
    assert "authority import mongodb" in printed.err


def test_a_backend_is_switched_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", URL)
    for backend in ("postgres", "Postgres", "POSTGRES"):
        monkeypatch.setenv("AUTHORITY_BACKEND", backend)
        settings = Settings()
        assert (settings.backend, settings.uses_embedded) == ("postgres", False)
    monkeypatch.delenv("AUTHORITY_DATABASE_URL")
    monkeypatch.setenv("AUTHORITY_BACKEND", "Embedded")
    assert Settings().uses_embedded
