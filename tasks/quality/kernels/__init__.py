"""Compiled loops and the parts that several metrics share; imported only when a metric needs them."""
