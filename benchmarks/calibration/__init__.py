"""Calibration: what published programs return for known images, beside what this engine returns.

``make calibrate``, or ``python -m benchmarks.calibration --help`` in the root of a checkout. It is not
part of the installed package.
"""
