"""The console: pages for the people who operate the service, made on the server."""
