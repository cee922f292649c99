"""Traces by OpenTelemetry: imported only where they are switched on."""
