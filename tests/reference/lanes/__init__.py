"""How instances with two lanes divide their GPUs from now on (semantics, "Two lanes")."""
