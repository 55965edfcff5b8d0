"""Stores with the logins of services and operators, which their roles restrict."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, cast
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries import AsyncStore, Store

_TELL = "select set_config('authority.tenant_id', %s, false)"


@dataclass(frozen=True, kw_only=True)
class Logins:
    """Connection strings of one database, one for each kind of login.

    `app`, `maintenance` and `reader` are members of only the role of that name. `dba`
    is a superuser. `bare` has options for sessions without units.
    """

    dba: str
    app: str
    maintenance: str
    reader: str
    bare: str = ""

    def app_for(self, tenant_id: UUID) -> str:
        """Return the string of a service whose session has this tenant set."""
        options = f"{self.bare} -c authority.tenant_id={tenant_id}"
        return make_conninfo(self.app, options=options)


class _Repository:
    """The methods of one repository. Each sets the tenant before it runs."""

    def __init__(self, store: "RoutedStore", name: str) -> None:
        self._store = store
        self._name = name

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(**arguments: object) -> object:
            tenant_id = arguments.get("tenant_id")
            operators = self._name == "tenants" and name != "revoke_tokens"
            if operators or not isinstance(tenant_id, UUID):
                return self._store.operate(self._name, name, arguments)
            return self._store.serve(tenant_id, self._name, name, arguments)

        return call


class RoutedStore:
    """A store in autocommit for tests of several tenants.

    A call with a tenant uses a service's connection and sets the tenant for its
    session, so that each call is still one statement. A call without a tenant uses an
    operator's connection, and so do tenants, except their epochs.
    """

    def __init__(
        self,
        app: Any,
        maintenance: Any,
        run: Callable[[Any], Any] = lambda result: result,
    ) -> None:
        self._app = app
        self._maintenance = maintenance
        self._run = run

    @property
    def connection(self) -> Any:
        """The service's connection."""
        return self._app.connection

    def serve(
        self, tenant_id: UUID, repository: str, method: str, arguments: dict[str, Any]
    ) -> object:
        self._run(self._app.connection.execute(_TELL, (str(tenant_id),)))
        return self._call(self._app, repository, method, arguments)

    def operate(
        self, repository: str, method: str, arguments: dict[str, Any]
    ) -> object:
        return self._call(self._maintenance, repository, method, arguments)

    def _call(
        self, store: Any, repository: str, method: str, arguments: dict[str, Any]
    ) -> object:
        function = getattr(getattr(store, repository), method)
        result = function(**arguments)
        return self._run(result) if iscoroutinefunction(function) else result

    def __getattr__(self, name: str) -> _Repository:
        return _Repository(self, name)


@contextmanager
def routed_store(logins: Logins) -> Iterator[Store]:
    """Yield a store of the synchronous form."""
    with (
        psycopg.connect(logins.app, autocommit=True, options=logins.bare) as app,
        psycopg.connect(
            logins.maintenance, autocommit=True, options=logins.bare
        ) as maintenance,
    ):
        yield cast("Store", RoutedStore(Store(app), Store(maintenance)))


@contextmanager
def routed_async_store(logins: Logins) -> Iterator[Store]:
    """Yield a store of the asynchronous form that runs each call to its end."""
    connect = psycopg.AsyncConnection.connect
    with asyncio.Runner() as runner:
        app, maintenance = (
            runner.run(connect(login, autocommit=True, options=logins.bare))
            for login in (logins.app, logins.maintenance)
        )
        try:
            store = RoutedStore(AsyncStore(app), AsyncStore(maintenance), runner.run)
            yield cast("Store", store)
        finally:
            runner.run(app.close())
            runner.run(maintenance.close())
