"""Which programs may enter (`admit_program`): the mechanism, and its rules."""
