"""The original, anchor-based YOLOv5: network, loss, data and training; nothing here is registered.

``tasks/detection/detectors/yolov5_original.py`` makes a detector of it.
"""
