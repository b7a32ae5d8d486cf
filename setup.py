"""Where the import names come from: one root, ``ivif_bench``, over four top-level folders.

A mapping of folders in pyproject.toml would need a list of every package, and a package that is not
in the list is silently left out of the wheel; so the packages are found.
"""

from setuptools import find_packages, setup

FOLDERS = {
    "ivif_bench": "bench",
    "ivif_bench.fusion_models": "fusion_models",
    "ivif_bench.tasks": "tasks",
    "ivif_bench.reports": "reports",
}

setup(
    package_dir=FOLDERS,
    packages=[
        package
        for name, folder in FOLDERS.items()
        for package in (name, *(f"{name}.{inner}" for inner in find_packages(folder)))
    ],
)
