"""One file per family of detectors; modules that start with an underscore are their engines."""
