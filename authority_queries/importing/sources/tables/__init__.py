"""Tables of other applications in PostgreSQL, found by the catalogue and streamed."""
