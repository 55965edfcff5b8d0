"""Query files: what is written in them, and whether that is what runs."""
