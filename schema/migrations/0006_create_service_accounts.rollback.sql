drop table if exists authority.service_accounts;
