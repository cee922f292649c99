"""One story per file: what the service does, told in the words of the domain."""
