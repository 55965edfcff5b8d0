"""What a service and an operator hold: the authority, its pool, its upkeep."""
