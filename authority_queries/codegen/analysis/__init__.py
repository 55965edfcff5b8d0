"""What follows from PostgreSQL's own analysis of a statement: chiefly, what can be null."""
