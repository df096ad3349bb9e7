"""How much there is to gain, by kind of decision: what rules get, what the best tuned combination gets, the bound."""
