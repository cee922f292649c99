"""Figures of a process for Prometheus: imported only where they are switched on."""
