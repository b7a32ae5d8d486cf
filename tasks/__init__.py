"""Downstream tasks: how a question about fused images is asked and scored."""
