"""Shared parts of trainings of fusion methods: images in memory, the loop, checkpoints, the log.

Nothing here is registered; a method's own module declares its ``TRAININGS`` and uses these parts.
"""
