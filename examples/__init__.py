"""Examples: programs, and files for deployments and imports."""
