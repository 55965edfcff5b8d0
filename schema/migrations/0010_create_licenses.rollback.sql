drop table if exists authority.license_usage_totals;
drop table if exists authority.license_usage;
drop table if exists authority.license_seats;
drop table if exists authority.licenses;
