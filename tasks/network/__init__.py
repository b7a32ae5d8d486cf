"""What tasks share that judge images by a trained network: protocol, plan, training, predictions.

A task of this kind (``tasks/detection``, ``tasks/segmentation``) adds its protocol, the base class of
its networks, its truth and its scorer.
"""
