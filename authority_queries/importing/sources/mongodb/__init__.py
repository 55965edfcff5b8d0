"""Documents of MongoDB: from a server, a dump, or exported files."""
