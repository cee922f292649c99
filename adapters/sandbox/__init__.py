"""The provider simulator: a strict server for both payout protocols, over a pure scenario engine.

`engine` and everything it imports is pure (standard library, time and chance handed in); `server`
puts it on a socket.
"""
