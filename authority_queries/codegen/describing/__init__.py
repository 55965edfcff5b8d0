"""Python's types for what PostgreSQL describes."""
