drop table if exists authority.tenants;
