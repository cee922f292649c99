"""What every provider needs and none should write twice: wiring, wire calls, tokens, signatures."""
