set local role authority_owner;
drop view if exists authority.usable_licenses;
drop table if exists authority.license_usage_totals;
drop table if exists authority.license_usage;
drop table if exists authority.license_seats;
drop table if exists authority.licenses;
