"""The denoising UNet of SR3, shared by the methods that read features from it (DMFuse, DMNet).

``unet`` is the network, ``schedule`` the noise levels, ``prior`` its training loss, ``checkpoint``
the reading of published files. This package is no method: it declares no ``SPECS``.
"""
