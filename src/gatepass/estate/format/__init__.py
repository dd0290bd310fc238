"""What may be written in an estate: one description for the loader, the schema and the reference."""
