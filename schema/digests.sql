-- Prints a line for each table: its name, the number of its rows, and a digest of the
-- rows in any order. Two databases with the same lines have the same rows, whatever the
-- versions of their servers are. Run it with psql as a login that bypasses row-level
-- security, while nobody writes:
--
--     psql -X -q -d authority -f schema/digests.sql > before.txt

\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on

begin;
set local search_path = pg_catalog;
set local row_security = off; -- an error is better than the rows of no tenant
set local timezone = 'UTC';
set local datestyle = 'ISO';
set local intervalstyle = 'postgres';
set local bytea_output = 'hex';
set local extra_float_digits = 1;

select
    format(
        'select %L, count(*), '
        'sum((''x'' || substr(md5(digested::text), 1, 15))::bit(60)::bigint) '
        'from only %s as digested',
        pg_class.oid::regclass, pg_class.oid::regclass
    )
from pg_class
where
    pg_class.relnamespace in (
        to_regnamespace('authority'), to_regnamespace('authority_yoyo')
    )
    and pg_class.relkind = 'r'
order by pg_class.oid::regclass::text::name
\gexec

commit;
