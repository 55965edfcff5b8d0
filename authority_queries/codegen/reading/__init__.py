"""Query files: their annotations, and whether the SQL runs as it is written."""
