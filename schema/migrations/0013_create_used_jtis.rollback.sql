set local role authority_owner;
drop table if exists authority.used_jtis;
