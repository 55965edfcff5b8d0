"""What PostgreSQL does for each query, and whether it may."""
