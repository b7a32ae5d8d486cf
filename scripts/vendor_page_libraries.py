"""Fetch the page's JavaScript libraries from npm into ``reports/page/vendor`` and record what they are.

    python scripts/vendor_page_libraries.py

Needs npm, and network once. Versions are exact; ``manifest.json`` gets name, version, licence and
sha256 of every file, and a test compares the files with it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "reports" / "page" / "vendor"
# package: version, licence file, then file in the package to file here
PACKAGES = {
    "uplot": (
        "1.6.32",
        "LICENSE",
        {"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"},
    ),
    "@panzoom/panzoom": ("4.6.2", "MIT-License.txt", {"dist/panzoom.min.js": "panzoom.js"}),
}


def main() -> None:
    """Write the files and the manifest."""
    entries = []
    TARGET.mkdir(parents=True, exist_ok=True)
    for package, (version, licence, files) in PACKAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            packed = subprocess.run(
                ["npm", "pack", "--silent", f"{package}@{version}"],
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()[-1]
            with tarfile.open(Path(folder) / packed) as archive:

                def read(name: str, archive: tarfile.TarFile = archive) -> bytes:
                    member = archive.extractfile(f"package/{name}")
                    assert member is not None, name
                    return member.read()

                about = json.loads(read("package.json"))
                assert about["version"] == version
                short = package.rpartition("/")[2]
                contents = {here: read(there) for there, here in files.items()}
                contents[f"{short}.LICENSE.txt"] = read(licence)
        for name, data in contents.items():
            (TARGET / name).write_bytes(data)
        entries.append(
            {
                "name": package,
                "version": version,
                "licence": about["license"],
                "files": {n: hashlib.sha256(data).hexdigest() for n, data in contents.items()},
            }
        )
    (TARGET / "manifest.json").write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
