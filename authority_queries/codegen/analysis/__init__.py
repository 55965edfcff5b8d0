"""What follows from PostgreSQL's own analysis of a statement: what can be null."""
