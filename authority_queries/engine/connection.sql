-- Questions of the engine about a connection.

-- name: get_process_id()$
-- The id of the server process that answers. Behind a pooler it differs from the id
-- that the pooler sent when the connection began.
select pg_catalog.pg_backend_pid() as process_id;
