drop schema if exists authority;
