set local role authority_owner;
drop table if exists authority.pushed_requests;
