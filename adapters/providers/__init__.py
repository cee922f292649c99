"""One folder per mobile-money provider: a folder, a configuration entry, nothing else."""
