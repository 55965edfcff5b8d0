"""SQL-first storage of a multi-tenant OAuth 2.0 / OpenID Connect authority."""

from importlib import import_module
from typing import TYPE_CHECKING

from authority_queries import constraint_errors as _errors  # noqa: F401 -- registers

if TYPE_CHECKING:
    from authority_queries.credentials import (
        TotpSecret,
        convert_keycloak_hash,
        convert_password_hash,
        hash_client_secret,
        hash_password,
        mint_totp_secret,
        password_needs_rehash,
        verify_client_secret,
        verify_password,
    )
    from authority_queries.errors import AuthorityError
    from authority_queries.importing.exporting import EntryExporter
    from authority_queries.importing.importer import Importer
    from authority_queries.importing.writing.options import (
        ImportOptions,
        ImportProgress,
    )
    from authority_queries.importing.writing.summaries import ImportSummary
    from authority_queries.names import username_key
    from authority_queries.repositories._async.store import AsyncStore
    from authority_queries.repositories._sync.store import Store
    from authority_queries.repositories.actors import Actor
    from authority_queries.repositories.endings import feed_keys, is_ended
    from authority_queries.repositories.row_batches import ImportReport
    from authority_queries.repositories.rows import (
        ClientTokenRequest,
        ImportedToken,
        ImportedUser,
        PastLoginAttempt,
    )
    from authority_queries.repositories.values import (
        NewToken,
        Page,
        is_confirmed,
        is_sign_in_sufficient,
    )
    from authority_queries.secrets import (
        TokenString,
        mint_token,
        parse_foreign_token,
        parse_token,
        tag_foreign_hash,
    )
    from authority_queries.secrets.encryption import Encrypted, Keyring
    from authority_queries.secrets.key_pairs import mint_signing_key
    from authority_queries.secrets.signing_keys import SigningKey
    from authority_queries.service._async.authority import AsyncAuthority
    from authority_queries.service._async.cells import AsyncCells
    from authority_queries.service._async.exporter import AsyncExporter
    from authority_queries.service._async.maintenance import AsyncMaintenance
    from authority_queries.service._async.monitor import AsyncMonitor
    from authority_queries.service._async.mover import AsyncMover
    from authority_queries.service._async.verifier import AsyncVerifier
    from authority_queries.service._sync.authority import Authority
    from authority_queries.service._sync.cells import Cells
    from authority_queries.service._sync.exporter import Exporter
    from authority_queries.service._sync.maintenance import Maintenance
    from authority_queries.service._sync.monitor import Monitor
    from authority_queries.service._sync.mover import Mover
    from authority_queries.service._sync.verifier import Verifier
    from authority_queries.service.audits import AuditHead, AuditReport
    from authority_queries.service.caching.limits import VerifierStatistics
    from authority_queries.service.erasures import ErasureReport, TableReport
    from authority_queries.service.exports import ExportedLine
    from authority_queries.service.migration_reports import MigrationProgress
    from authority_queries.service.migrations import migrate
    from authority_queries.service.replica_health import ReplicaReads
    from authority_queries.service.retention import PruneReport, Retention, StepReport
    from authority_queries.service.settings import Settings
    from authority_queries.service.stats import Stats
    from authority_queries.service.telemetry import start_telemetry, stop_telemetry
    from authority_queries.service.tenant_dumps import LoadReport, MoveProgress

__all__ = [
    "Actor",
    "AsyncAuthority",
    "AsyncCells",
    "AsyncExporter",
    "AsyncMaintenance",
    "AsyncMonitor",
    "AsyncMover",
    "AsyncStore",
    "AsyncVerifier",
    "AuditHead",
    "AuditReport",
    "Authority",
    "AuthorityError",
    "Cells",
    "ClientTokenRequest",
    "Encrypted",
    "EntryExporter",
    "ErasureReport",
    "ExportedLine",
    "Exporter",
    "ImportOptions",
    "ImportProgress",
    "ImportReport",
    "ImportSummary",
    "ImportedToken",
    "ImportedUser",
    "Importer",
    "Keyring",
    "LoadReport",
    "Maintenance",
    "MigrationProgress",
    "Monitor",
    "MoveProgress",
    "Mover",
    "NewToken",
    "Page",
    "PastLoginAttempt",
    "PruneReport",
    "ReplicaReads",
    "Retention",
    "Settings",
    "SigningKey",
    "Stats",
    "StepReport",
    "Store",
    "TableReport",
    "TokenString",
    "TotpSecret",
    "Verifier",
    "VerifierStatistics",
    "convert_keycloak_hash",
    "convert_password_hash",
    "feed_keys",
    "hash_client_secret",
    "hash_password",
    "is_confirmed",
    "is_ended",
    "is_sign_in_sufficient",
    "migrate",
    "mint_signing_key",
    "mint_token",
    "mint_totp_secret",
    "parse_foreign_token",
    "parse_token",
    "password_needs_rehash",
    "start_telemetry",
    "stop_telemetry",
    "tag_foreign_hash",
    "username_key",
    "verify_client_secret",
    "verify_password",
]

# Imported at the first use: the generator must run when the generated modules are stale
# and so cannot be imported.
_HOMES = {
    "Actor": "repositories.actors",
    "AsyncAuthority": "service._async.authority",
    "AsyncCells": "service._async.cells",
    "AsyncExporter": "service._async.exporter",
    "AsyncMaintenance": "service._async.maintenance",
    "AsyncMonitor": "service._async.monitor",
    "AsyncMover": "service._async.mover",
    "AsyncStore": "repositories._async.store",
    "AsyncVerifier": "service._async.verifier",
    "AuditHead": "service.audits",
    "AuditReport": "service.audits",
    "Authority": "service._sync.authority",
    "AuthorityError": "errors",
    "Cells": "service._sync.cells",
    "ClientTokenRequest": "repositories.rows",
    "Encrypted": "secrets.encryption",
    "EntryExporter": "importing.exporting",
    "ErasureReport": "service.erasures",
    "ExportedLine": "service.exports",
    "Exporter": "service._sync.exporter",
    "ImportOptions": "importing.writing.options",
    "ImportProgress": "importing.writing.options",
    "ImportReport": "repositories.row_batches",
    "ImportSummary": "importing.writing.summaries",
    "ImportedToken": "repositories.rows",
    "ImportedUser": "repositories.rows",
    "Importer": "importing.importer",
    "Keyring": "secrets.encryption",
    "LoadReport": "service.tenant_dumps",
    "Maintenance": "service._sync.maintenance",
    "MigrationProgress": "service.migration_reports",
    "Monitor": "service._sync.monitor",
    "MoveProgress": "service.tenant_dumps",
    "Mover": "service._sync.mover",
    "NewToken": "repositories.values",
    "Page": "repositories.values",
    "PastLoginAttempt": "repositories.rows",
    "PruneReport": "service.retention",
    "ReplicaReads": "service.replica_health",
    "Retention": "service.retention",
    "Settings": "service.settings",
    "SigningKey": "secrets.signing_keys",
    "Stats": "service.stats",
    "StepReport": "service.retention",
    "Store": "repositories._sync.store",
    "TableReport": "service.erasures",
    "TokenString": "secrets",
    "TotpSecret": "credentials",
    "Verifier": "service._sync.verifier",
    "VerifierStatistics": "service.caching.limits",
    "convert_keycloak_hash": "credentials",
    "convert_password_hash": "credentials",
    "feed_keys": "repositories.endings",
    "hash_client_secret": "credentials",
    "hash_password": "credentials",
    "is_confirmed": "repositories.values",
    "is_ended": "repositories.endings",
    "is_sign_in_sufficient": "repositories.values",
    "migrate": "service.migrations",
    "mint_signing_key": "secrets.key_pairs",
    "mint_token": "secrets",
    "mint_totp_secret": "credentials",
    "parse_foreign_token": "secrets",
    "parse_token": "secrets",
    "password_needs_rehash": "credentials",
    "start_telemetry": "service.telemetry",
    "stop_telemetry": "service.telemetry",
    "tag_foreign_hash": "secrets",
    "username_key": "names",
    "verify_client_secret": "credentials",
    "verify_password": "credentials",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        home = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if not hasattr(error, "__notes__"):  # telemetry names an extra of its own
            error.add_note(f"{name} needs: pip install 'authority-queries[service]'")
        raise
    value: object = getattr(home, name)
    globals()[name] = value
    return value
