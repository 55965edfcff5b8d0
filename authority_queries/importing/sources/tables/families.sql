-- The families of refresh tokens of django-oauth-toolkit that have a live token: those
-- of one token_family, or one token without it. A live token is paired with an access
-- token, which has its scopes.
select
    coalesce(:family::text, tokens.:key::text) as key,
    (array_agg(tokens.:user::text order by tokens.:key))[1] as user_id,
    (array_agg(tokens.:application::text order by tokens.:key))[1] as application_id,
    to_jsonb(min(tokens.:created)) as created,
    to_jsonb(max(tokens.:updated)) as updated,
    string_agg(accesses.:scope, ' ' order by tokens.:key) as scope,
    jsonb_path_query_array(jsonb_agg(:resource), '$[*][*] ? (@ != null)') as resource
from :tokens as tokens
left join :accesses as accesses
    on tokens.:access = accesses.:access_key and tokens.:revoked is null
where
    :after is null
    or coalesce(:family::text, tokens.:key::text) collate "C" > :after
group by coalesce(:family::text, tokens.:key::text)
having count(accesses.:access_key) > 0
order by coalesce(:family::text, tokens.:key::text) collate "C";
