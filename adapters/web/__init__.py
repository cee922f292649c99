"""The HTTP API: Litestar at the door, domain values behind it."""
