"""What the parts of a scenario are made of: numbers with bounds, and how a wrong one is reported."""
