"""Measurements from a checkout: speed against public peers, calibration. Not installed."""
