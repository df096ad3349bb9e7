"""What everything stands on: the state, the clock, lists, compilation."""
