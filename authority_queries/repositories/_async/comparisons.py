"""Rows by the keys that another store knows, for a comparison with it."""

from collections.abc import Sequence
from uuid import UUID

from authority_queries.engine.runtime import JsonValue
from authority_queries.queries import comparisons as queries
from authority_queries.records import ListedKeys, ReadRow
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_page_size


class AsyncComparisons(AsyncRepository):
    """Queries of `queries/comparisons.sql`, for the owner of the database: `Comparer`.

    A key is a list of texts, one for each of `key_columns`. In keys and rows the
    columns user_id, client_uuid, role_id, service_account_id and
    authorized_client_uuids have subject_ids, client_ids, names and account_ids.
    """

    async def read_rows(
        self,
        *,
        tenant_id: UUID,
        table_name: str,
        key_columns: Sequence[str],
        keys: Sequence[Sequence[str]],
    ) -> Sequence[ReadRow]:
        """Return the rows with these keys, whole, each with the number of its key.

        Numbers begin at 1. Raises InvalidArgumentError for an unknown table or column
        and for a key that cannot be a value of its column.
        """
        return await queries.read_rows_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            key_columns=[*key_columns],
            row_keys=[[*key] for key in keys],
        )

    async def list_row_keys(
        self,
        *,
        tenant_id: UUID,
        table_name: str,
        key_columns: Sequence[str],
        after: JsonValue = None,
        page_size: int = 1000,
    ) -> ListedKeys:
        """Return the keys of the next rows of one table, after this primary key."""
        return await queries.list_row_keys_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            key_columns=[*key_columns],
            after=after,
            page_size=check_page_size(page_size),
        )
