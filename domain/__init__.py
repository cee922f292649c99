"""What a cash-out is and what may happen to it: pure decisions, standard library only."""
