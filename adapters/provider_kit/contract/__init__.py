"""The contract that every provider's gateway keeps, as rules that can be tried on it.

`bench` puts a gateway before a partner that answers as it is told, `rules` are the rules, `partner`
is that partner. `cashout provider check` runs them; so can anybody's own tests.
"""
