"""Passwords: kept as scrypt hashes, checked in constant time, a few at once."""
