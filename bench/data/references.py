"""Entries of a bibliography for the datasets; "and others" where not all authors are listed."""

from __future__ import annotations

M3FD = """\
@inproceedings{liu2022m3fd,
  author = {Liu, J. and others},
  title = {Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to
           Fuse Infrared and Visible for Object Detection},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2022}
}
"""

MSRS = """\
@article{tang2022msrs,
  author = {Tang, L. and others},
  title = {{PIAFusion}: A progressive infrared and visible image fusion network based on
           illumination aware},
  journal = {Information Fusion},
  year = {2022}
}
"""

ROADSCENE = """\
@article{xu2020roadscene,
  author = {Xu, H. and others},
  title = {{U2Fusion}: A Unified Unsupervised Image Fusion Network},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  year = {2020}
}
"""

LLVIP = """\
@inproceedings{jia2021llvip,
  author = {Jia, X. and Zhu, C. and Li, M. and Tang, W. and Zhou, W.},
  title = {{LLVIP}: A Visible-infrared Paired Dataset for Low-light Vision},
  booktitle = {IEEE/CVF International Conference on Computer Vision Workshops (ICCVW)},
  year = {2021}
}
"""

TNO = """\
@article{toet2017tno,
  author = {Toet, A.},
  title = {The {TNO} Multiband Image Data Collection},
  journal = {Data in Brief},
  year = {2017}
}
"""
