set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.is_visible(text);
drop function if exists authority.is_bounded_json(jsonb);
drop function if exists authority.is_details_list(jsonb);
drop function if exists authority.is_resource_list(text[]);
drop function if exists authority.is_scope_list(text[]);
drop function if exists authority.is_text_list(text[], bigint, bigint);
