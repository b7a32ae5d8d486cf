"""Fusion methods, one self-contained file or folder per paper."""
