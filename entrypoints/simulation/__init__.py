"""The simulator: the real use cases and workers on a virtual clock, with faults drawn by a seed."""
