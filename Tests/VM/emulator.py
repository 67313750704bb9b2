"""Which QEMU boots the guests: that of the machine, or, where it is too old, a newer one of Debian."""

import re
import shutil
import subprocess

from archive import Unavailable

PROGRAM = "qemu-system-x86_64"
# Before 8.1 a CPU can go on executing code that another one has just patched, if it was translating
# it at that moment. Each probe that is attached patches the kernel: one diagnosis in ten hung.
LEAST = (8, 1)
PACKAGES = ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"]
SUITE = "bookworm-backports"


def version(program):
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\d+)\.(\d+)", done.stdout)
    if not found:
        raise Unavailable(f"{program}: {done.stderr.strip() or 'no version'}")
    return tuple(map(int, found.groups()))


def command(archive):
    """The words that start QEMU."""
    own = shutil.which(PROGRAM)
    if own and version(own) >= LEAST:
        return [own]
    folder = archive.unpacked("qemu", [f"{name}/{SUITE}" for name in PACKAGES])
    program = folder / "usr/bin" / PROGRAM
    version(program)  # its libraries are those of the machine's own QEMU
    return [program, "-L", folder / "usr/share/qemu", "-L", folder / "usr/share/seabios"]
