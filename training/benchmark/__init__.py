"""The benchmark: suites of cases, the same programs for every agent, results that others can repeat."""
