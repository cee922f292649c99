"""One folder per technology, each speaking to the ports and never to its siblings."""
