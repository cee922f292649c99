"""NATS: events to JetStream, nudges between processes, and an optional shared token store."""
