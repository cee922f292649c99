"""What is stored, told or timed inside one process: for tests, simulations and hints."""
