"""What a station is made of: hardware, system, and the software that an update may depend on."""

import hashlib
import hmac
import platform
import socket
import ssl
import sys
from pathlib import Path

import psutil

from andon_agent.packaged import package_version
from andon_wire import platforms
from andon_wire.protocol import Machine

_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_PURPOSE = b"andon-agent machine id"  # machine-id(5): show nobody the id itself, only a hash for one purpose


def machine(home: Path, fallback_id: str, version: str = "") -> Machine:
    """The machine. home: of the agent, on the disk that counts. fallback_id: where the system keeps none.

    version: of the agent, as its launcher knows it; else that of its package.
    """
    return Machine(
        id=machine_id(fallback_id),
        hostname=socket.gethostname()[:255],
        system=sys.platform.replace("win32", "windows"),
        platform=platforms.own(),
        release=platform.platform(terse=True)[:200],
        cpu=_cpu()[:200],
        cpus=psutil.cpu_count() or 0,
        memory=psutil.virtual_memory().total,
        disk=psutil.disk_usage(str(home)).total,
        addresses=_addresses(),
        agent=(version or package_version())[:60],
        software=_software(),
    )


def machine_id(fallback: str) -> str:
    """The same for a machine as long as its system is not installed anew, and no other's."""
    raw = _windows_id() if sys.platform == "win32" else _posix_id()
    return hmac.new(_PURPOSE, raw.encode(), hashlib.sha256).hexdigest()[:32] if raw else fallback


def _posix_id() -> str:
    for path in _MACHINE_IDS:
        try:
            text = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if len(text) == 32:
            return text
    return ""


def _windows_id() -> str:
    if sys.platform != "win32":  # so that type checkers of other systems pass over what follows
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    except OSError:
        return ""


def _cpu() -> str:
    """The processor's name as its maker writes it."""
    try:
        with Path("/proc/cpuinfo").open("r", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() in {"model name", "Model"}:
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _addresses() -> list[str]:
    """Of all interfaces but the loopback, at most 32, sorted."""
    kinds = {socket.AF_INET, socket.AF_INET6}
    found = {
        each.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family in kinds
    }
    return sorted(each for each in found if each != "::1" and not each.startswith(("127.", "fe80:")))[:32]


def _software() -> dict[str, str]:
    libc, number = platform.libc_ver()
    found = {
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "kernel": platform.release(),
        "libc": f"{libc} {number}".strip(),
    }
    return {name: text[:120] for name, text in found.items() if text}
