"""The ways in: API, worker and command line over one object graph."""
