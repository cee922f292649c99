"""Storage in SQLite or PostgreSQL: SQLAlchemy Core, no entities, few statements."""
