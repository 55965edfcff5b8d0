-- name: load_tracks()!
-- Tracks from a supplier's list, as many as there are.
-- @copy
-- @row NewTrack
-- @type details: music_shop.details:Details
copy shop.tracks (
    id, artist_id, title, medium, price, genres, released_on, details
) from stdin;

-- name: get_track(track_id)^
-- The track with this number, or no row. A compilation has no artist.
-- @row Track
-- @notnull main_genre -- tracks_genres_check: there is always a first one
-- @type details: music_shop.details:Details
select
    tracks.id,
    tracks.title,
    artists.name as artist,
    tracks.medium,
    tracks.price,
    tracks.genres,
    tracks.genres[1] as main_genre,
    tracks.released_on,
    tracks.details
from shop.tracks
left join shop.artists on tracks.artist_id = artists.id
where tracks.id = :track_id;

-- name: list_released(released_by, medium)
-- One track that was out by that day, the oldest first.
-- @row Track
-- @nullable released_on
-- @notnull main_genre -- tracks_genres_check: there is always a first one
-- @type details: music_shop.details:Details
-- @param medium -- only these, or None for all
select
    tracks.id,
    tracks.title,
    artists.name as artist,
    tracks.medium,
    tracks.price,
    tracks.genres,
    tracks.genres[1] as main_genre,
    tracks.released_on,
    tracks.details
from shop.tracks
left join shop.artists on tracks.artist_id = artists.id
where
    tracks.released_on <= :released_by
    and (:medium::shop.medium is null or tracks.medium = :medium)
order by tracks.released_on, tracks.id;

-- name: count_tracks(genre)$
-- How many tracks are of this genre.
select count(*) as tracks
from shop.tracks
where :genre = any(tracks.genres);
