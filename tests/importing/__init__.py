"""Coming from another store: sources, the import, the comparison, the export."""
