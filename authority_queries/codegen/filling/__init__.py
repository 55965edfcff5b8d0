"""`authority format`: the column lists that queries with one `@row` share."""
