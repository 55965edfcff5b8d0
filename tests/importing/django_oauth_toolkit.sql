-- The tables that Django 5.2 and django-oauth-toolkit 3.4.1 make, as pg_dump shows
-- them, without sequences and indexes.

create table auth_group (
    id integer primary key,
    name character varying(150) not null
);

create table auth_group_permissions (
    id bigint primary key,
    group_id integer not null,
    permission_id integer not null
);

create table auth_permission (
    id integer primary key,
    name character varying(255) not null,
    content_type_id integer not null,
    codename character varying(100) not null
);

create table auth_user (
    id integer primary key,
    password character varying(128) not null,
    last_login timestamp with time zone,
    is_superuser boolean not null,
    username character varying(150) not null,
    first_name character varying(150) not null,
    last_name character varying(150) not null,
    email character varying(254) not null,
    is_staff boolean not null,
    is_active boolean not null,
    date_joined timestamp with time zone not null
);

create table auth_user_groups (
    id bigint primary key,
    user_id integer not null,
    group_id integer not null
);

create table auth_user_user_permissions (
    id bigint primary key,
    user_id integer not null,
    permission_id integer not null
);

create table oauth2_provider_accesstoken (
    id bigint primary key,
    token text not null,
    expires timestamp with time zone not null,
    scope text not null,
    application_id bigint,
    user_id integer,
    created timestamp with time zone not null,
    updated timestamp with time zone not null,
    source_refresh_token_id bigint,
    id_token_id bigint,
    token_checksum character varying(64) not null,
    resource jsonb not null
);

create table oauth2_provider_application (
    id bigint primary key,
    client_id character varying(255) not null,
    redirect_uris text not null,
    client_type character varying(32) not null,
    authorization_grant_type character varying(44) not null,
    client_secret character varying(255) not null,
    name character varying(255) not null,
    user_id integer,
    skip_authorization boolean not null,
    created timestamp with time zone not null,
    updated timestamp with time zone not null,
    algorithm character varying(5) not null,
    post_logout_redirect_uris text not null,
    hash_client_secret boolean not null,
    allowed_origins text not null,
    registration_source character varying(32) not null,
    cimd_expires_at timestamp with time zone
);

create table oauth2_provider_devicegrant (
    id bigint primary key,
    device_code character varying(100) not null,
    user_code character varying(100) not null,
    scope text not null,
    "interval" integer not null,
    expires timestamp with time zone not null,
    status character varying(64) not null,
    client_id character varying(100) not null,
    last_checked timestamp with time zone not null,
    user_id integer
);

create table oauth2_provider_grant (
    id bigint primary key,
    code character varying(255) not null,
    expires timestamp with time zone not null,
    redirect_uri text not null,
    scope text not null,
    application_id bigint not null,
    user_id integer not null,
    created timestamp with time zone not null,
    updated timestamp with time zone not null,
    code_challenge character varying(128) not null,
    code_challenge_method character varying(10) not null,
    nonce character varying(255) not null,
    claims text not null,
    resource jsonb not null
);

create table oauth2_provider_idtoken (
    id bigint primary key,
    jti uuid not null,
    expires timestamp with time zone not null,
    scope text not null,
    created timestamp with time zone not null,
    updated timestamp with time zone not null,
    application_id bigint,
    user_id integer
);

create table oauth2_provider_refreshtoken (
    id bigint primary key,
    token text not null,
    access_token_id bigint,
    application_id bigint not null,
    user_id integer not null,
    created timestamp with time zone not null,
    updated timestamp with time zone not null,
    revoked timestamp with time zone,
    token_family uuid,
    token_checksum character varying(64) not null,
    resource jsonb not null
);

alter table auth_group_permissions add foreign key (permission_id)
    references auth_permission (id) deferrable initially deferred;
alter table auth_group_permissions add foreign key (group_id)
    references auth_group (id) deferrable initially deferred;
alter table auth_user_groups add foreign key (group_id)
    references auth_group (id) deferrable initially deferred;
alter table auth_user_groups add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
alter table auth_user_user_permissions add foreign key (permission_id)
    references auth_permission (id) deferrable initially deferred;
alter table auth_user_user_permissions add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
alter table oauth2_provider_accesstoken add foreign key (application_id)
    references oauth2_provider_application (id) deferrable initially deferred;
alter table oauth2_provider_accesstoken add foreign key (id_token_id)
    references oauth2_provider_idtoken (id) deferrable initially deferred;
alter table oauth2_provider_accesstoken add foreign key (source_refresh_token_id)
    references oauth2_provider_refreshtoken (id) deferrable initially deferred;
alter table oauth2_provider_accesstoken add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
alter table oauth2_provider_application add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
alter table oauth2_provider_devicegrant add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
alter table oauth2_provider_grant add foreign key (application_id)
    references oauth2_provider_application (id) deferrable initially deferred;
alter table oauth2_provider_grant add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
alter table oauth2_provider_idtoken add foreign key (application_id)
    references oauth2_provider_application (id) deferrable initially deferred;
alter table oauth2_provider_idtoken add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
alter table oauth2_provider_refreshtoken add foreign key (access_token_id)
    references oauth2_provider_accesstoken (id) deferrable initially deferred;
alter table oauth2_provider_refreshtoken add foreign key (application_id)
    references oauth2_provider_application (id) deferrable initially deferred;
alter table oauth2_provider_refreshtoken add foreign key (user_id)
    references auth_user (id) deferrable initially deferred;
