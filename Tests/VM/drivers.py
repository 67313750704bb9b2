"""A kernel module of our own, built against the headers of a Debian kernel."""

import os
import pathlib
import re
import shutil
import subprocess

from archive import Unavailable

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE / "driver"
MODULE = "nvidia.ko"
BUILD_SECONDS = 300


def headers_of(kernel, archive):
    """The folder that `make -C` wants: packages expect to be installed, so paths are moved."""
    name = f"linux-headers-{kernel.release}"
    depends = archive.apt("apt-cache", "depends", name)
    needed = re.findall(r"Depends: (linux-headers-\S+-common|linux-kbuild-\S+)", depends)
    root = archive.unpacked(name, [name, *needed])
    headers = root / "usr/src" / name
    for path in (headers / "Makefile", headers / ".kernelvariables"):
        if path.exists():
            path.write_text(re.sub(r"(?<![\w/])/usr/src/", f"{root}/usr/src/", path.read_text()))
    for link in [*headers.iterdir(), *(root / "usr/src").glob("linux-headers-*-common/*")]:
        target = os.readlink(link) if link.is_symlink() else ""
        if (inside := target.find("usr/lib/linux-kbuild-")) >= 0:
            link.unlink()
            link.symlink_to(root / target[inside:])
    return headers


def built(kernel, archive, work):
    """The module for this kernel."""
    headers, folder = headers_of(kernel, archive), work / "driver" / kernel.release
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCES, folder)
    try:
        done = subprocess.run(["make", "-C", headers, f"M={folder}",
                               "CC=gcc", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"],
                              capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    except FileNotFoundError:
        raise Unavailable("no make on this machine") from None
    if done.returncode:
        raise Unavailable(f"the module for {kernel.release}: {done.stderr.strip()[-1500:]}")
    return folder / MODULE
