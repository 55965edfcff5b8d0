-- When the last reference token of each of these authorizations expires.
select
    tokens.:authorization::text as key,
    to_jsonb(max(coalesce(tokens.:expires, 'infinity'))) as expires
from :tokens as tokens
where
    tokens.:authorization in (:keys)
    and tokens.:reference is not null
    and tokens.:type ~ '(access|refresh)_token$'
group by tokens.:authorization;
