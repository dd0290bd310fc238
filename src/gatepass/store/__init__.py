"""What is remembered: rows, migrations, the audit chain; SQLite and PostgreSQL behind one interface."""
