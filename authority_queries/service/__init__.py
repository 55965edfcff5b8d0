"""Authority and Maintenance, their pool, pruning, migrations and settings."""
