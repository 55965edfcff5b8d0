set local role authority_owner;
drop table if exists authority.device_authorizations;
