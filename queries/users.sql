-- name: get_by_id(tenant_id, user_id)^
-- The user with this id, or no row.
-- @row User
select
    users.tenant_id,
    users.id,
    users.subject_id,
    users.username,
    users.username_key,
    users.email,
    users.email_verified,
    users.display_name,
    users.password_hash,
    users.status,
    users.tokens_valid_after,
    users.attributes,
    users.created_at,
    users.updated_at,
    users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.id = :user_id;

-- name: get_by_username(tenant_id, username_key)^
-- The user whose username has this key, or no row.
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.username_key = :username_key;

-- name: get_by_verified_email(tenant_id, email)^
-- The user who has verified this address, in any case of its ASCII letters, or no row.
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from (values (:email::text)) as given (email)
inner join authority.users on users.email_key = lower(given.email collate "C")
where
    users.tenant_id = :tenant_id
    and users.email_verified;

-- name: get_by_subject_id(tenant_id, subject_id)^
-- The user with this sub claim, or no row.
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.subject_id = :subject_id;

-- name: list_after(tenant_id, first, below, after, page_size)
-- One user, in order of username_key, starting after the given key.
-- @param first -- no key of the list is lower
-- @param below -- all keys of the list are lower
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.username_key >= :first
    and users.username_key < :below
    and users.username_key > :after
order by users.username_key
limit :page_size;

-- name: list_before(tenant_id, first, below, before, page_size)
-- One user, in descending order of username_key, starting before the given key.
-- @param first -- no key of the list is lower
-- @param below -- all keys of the list are lower
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.username_key >= :first
    and users.username_key < :below
    and users.username_key < :before
order by users.username_key desc
limit :page_size;

-- name: list_by_status_after(tenant_id, status, first, below, after, page_size)
-- One user with this status, otherwise as list_after.
-- @param first -- no key of the list is lower
-- @param below -- all keys of the list are lower
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.status = :status
    and users.username_key >= :first
    and users.username_key < :below
    and users.username_key > :after
order by users.username_key
limit :page_size;

-- name: list_by_status_before(tenant_id, status, first, below, before, page_size)
-- One user with this status, otherwise as list_before.
-- @param first -- no key of the list is lower
-- @param below -- all keys of the list are lower
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.status = :status
    and users.username_key >= :first
    and users.username_key < :below
    and users.username_key < :before
order by users.username_key desc
limit :page_size;

-- name: find_by_role(tenant_id, role_id, after, most, page_size)^
-- The ids of users who hold the role now, in order of id, starting after the given id:
-- at most page_size, among the first `most` who were assigned it. If page_size was not
-- reached, examined_to is the id of the last of these, and null when all were examined.
-- @row FoundIds
with examined as materialized (
    select
        user_roles.user_id as id,
        (
            user_roles.expires_at is null
            or user_roles.expires_at > authority.clock()
        ) as is_listed
    from authority.user_roles
    where
        user_roles.tenant_id = :tenant_id
        and user_roles.role_id = :role_id
        and user_roles.user_id > :after
    order by user_roles.user_id
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            where examined.is_listed
            -- In the order of examined: a sort would look up all of its rows.
            limit :page_size -- noqa: AM09
        ) as ids
)

select
    found.ids,
    case
        when
            cardinality(found.ids) < :page_size
            and (select count(*) from examined) = :most
            then (
                select examined.id from examined
                order by examined.id desc limit 1
            )
    end as examined_to
from found;

-- name: list_by_ids(tenant_id, ids)
-- One of these users, in order of id.
-- @row User
select
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version
from authority.users
where
    users.tenant_id = :tenant_id
    and users.id = any(:ids::uuid[])
order by users.id;

-- name: create(tenant_id, subject_id, username, username_key, email, email_verified, display_name, password_hash, status, attributes)^
-- The new user, or no row when the subject_id is that of a client or a service account
-- (RFC 9068 section 5). A null subject_id makes one: a random UUID.
-- @row User
insert into authority.users (
    tenant_id,
    subject_id,
    username,
    username_key,
    email,
    email_verified,
    display_name,
    password_hash,
    status,
    attributes
)
select
    :tenant_id,
    coalesce(:subject_id, gen_random_uuid()::text) as subject_id,
    :username,
    :username_key,
    :email,
    :email_verified,
    :display_name,
    :password_hash,
    :status,
    :attributes
where
    not exists (
        select from authority.clients
        where
            clients.tenant_id = :tenant_id
            and clients.client_id = :subject_id
    )
    and not exists (
        select from authority.service_accounts
        where
            service_accounts.tenant_id = :tenant_id
            and service_accounts.account_id = :subject_id
    )
returning
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version;

-- name: update(tenant_id, user_id, row_version, username, username_key, email, display_name, status, attributes)^
-- The changed user, or no row when the user is not at this version. Another address,
-- except in the case of ASCII letters, is not verified.
-- @row User
update authority.users
set
    username = :username,
    username_key = :username_key,
    email = :email,
    email_verified = users.email_verified
    and users.email_key is not distinct from lower(:email collate "C"),
    display_name = :display_name,
    status = :status,
    attributes = :attributes,
    updated_at = authority.clock(),
    row_version = users.row_version + 1
where
    users.tenant_id = :tenant_id
    and users.id = :user_id
    and users.row_version = :row_version
returning
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version;

-- name: verify_email(tenant_id, user_id, email)^
-- The user, who has proven control of this address, or no row when the user has
-- another address by now. Of two users of the tenant only one can verify an address.
-- @row User
update authority.users
set
    email_verified = true,
    updated_at = authority.clock(),
    row_version = users.row_version + 1
where
    users.tenant_id = :tenant_id
    and users.id = :user_id
    and users.email_key = lower(:email collate "C")
returning
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version;

-- name: delete(tenant_id, user_id)!
-- Deletes the user with everything issued to it.
delete from authority.users
where
    users.tenant_id = :tenant_id
    and users.id = :user_id;

-- name: set_password_hash(tenant_id, user_id, row_version, password_hash)^
-- The user with its new password hash, or no row when the user is not at this
-- version. A null hash ends sign-in by password.
-- @row User
update authority.users
set
    password_hash = :password_hash,
    updated_at = authority.clock(),
    row_version = users.row_version + 1
where
    users.tenant_id = :tenant_id
    and users.id = :user_id
    and users.row_version = :row_version
returning
    users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
    users.email, users.email_verified, users.display_name, users.password_hash,
    users.status, users.tokens_valid_after, users.attributes, users.created_at,
    users.updated_at, users.row_version;

-- name: revoke_tokens(tenant_id, user_id)^
-- The user with tokens_valid_after set to now. Every token of an earlier sign-in
-- is dead, including those that a concurrent rotation issues. One row ends them,
-- however many there are. The statement also ends the user's sessions, as
-- sessions.end_all does: their clients are notified.
-- @row User
-- @nullable tokens_valid_after
with signed_out as (
    update authority.users
    set
        tokens_valid_after = greatest(users.tokens_valid_after, authority.clock()),
        updated_at = authority.clock(),
        row_version = users.row_version + 1
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
    returning
        users.tenant_id, users.id, users.subject_id, users.username, users.username_key,
        users.email, users.email_verified, users.display_name, users.password_hash,
        users.status, users.tokens_valid_after, users.attributes, users.created_at,
        users.updated_at, users.row_version
),

-- It reads signed_out, so the user is locked before the sessions, as by a deletion.
ended as (
    select count(ended_sessions.id) as number
    from signed_out
    left join lateral authority.end_sessions(
        signed_out.tenant_id,
        array(
            select sessions.id
            from authority.sessions
            where
                sessions.tenant_id = :tenant_id
                and sessions.user_id = signed_out.id
                and sessions.revoked_at is null
        ),
        'user_signed_out'
    ) as ended_sessions on true
)

select
    signed_out.tenant_id, signed_out.id, signed_out.subject_id, signed_out.username,
    signed_out.username_key, signed_out.email, signed_out.email_verified,
    signed_out.display_name, signed_out.password_hash, signed_out.status,
    signed_out.tokens_valid_after, signed_out.attributes, signed_out.created_at,
    signed_out.updated_at, signed_out.row_version
from signed_out
cross join ended;
