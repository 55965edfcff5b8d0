-- Which of these families have a live refresh token.
select distinct tokens.:family::text as key
from :tokens as tokens
where
    tokens.:family in (:keys)
    and tokens.:revoked is null
    and tokens.:access is not null;
