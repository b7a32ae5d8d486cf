"""Training of the original, anchor-based YOLOv5 by the rules of its tag v7.0, written from a description.

Nothing here is registered: ``tasks/detection/detectors/yolov5_original.py`` uses it. The order of
images, letterboxing, augmentation given its random numbers, and the search of anchors are compared
with values that the original gave (``tests/tasks/detection/yolov5``). Random numbers of the
augmentation are our own, so that a training that was interrupted continues with the same images.
"""
