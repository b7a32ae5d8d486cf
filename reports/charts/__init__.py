"""Figures of statistics, one file each: plain numbers in, a matplotlib figure out."""
