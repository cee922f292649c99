"""Providers' statements as CSV files, read through a mapping in the configuration."""
