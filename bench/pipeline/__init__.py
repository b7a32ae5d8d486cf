"""Plans what is missing and runs it: fuse, then tasks, then reports."""
