"""Programs that are compared and that this machine may lack: taken out of Debian's package, not installed."""

import shutil
import subprocess
from pathlib import Path


def xdelta3(tools: Path) -> bool:
    """See that there is an xdelta3, on the path or in `tools`."""
    if shutil.which("xdelta3") or (tools / "xdelta3").exists():
        return True
    tools.mkdir(parents=True, exist_ok=True)
    fetched = subprocess.run(
        ["apt-get", "download", "-q", "xdelta3"], cwd=tools, capture_output=True, check=False
    )
    packages = sorted(tools.glob("xdelta3_*.deb"))
    if fetched.returncode or not packages:
        return False
    subprocess.run(["dpkg-deb", "-x", packages[0], tools / "unpacked"], check=True)
    (tools / "unpacked/usr/bin/xdelta3").replace(tools / "xdelta3")
    return True
