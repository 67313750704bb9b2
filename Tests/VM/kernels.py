"""Debian's kernels: the newest of a series, its image and its modules."""

import lzma
import re

from archive import Unavailable

NAME = r"linux-image-{series}\.[0-9.]+[+-][a-z0-9]+-{flavour}"
# Has what the machines of the tests need (NVMe and ext4 built in, virtio as modules) at a third of
# the size.
CLOUD = "cloud-amd64"


class Kernel:
    """One kernel on disk: its image and its modules."""

    def __init__(self, series, folder):
        self.series = series
        (self.image,) = (folder / "boot").glob("vmlinuz-*")
        self.release = self.image.name.removeprefix("vmlinuz-")
        (self.modules,) = (folder / "lib/modules").glob("*")

    def files_of(self, names):
        """Module files in the order in which they are to be loaded; built-in ones have none."""
        files = {}
        for path in self.modules.rglob("*.ko*"):
            files[path.name.split(".")[0].replace("-", "_")] = path
        order = []
        for name in names:
            self._add(name, files, order)
        return order

    def _add(self, name, files, order):
        path = files.get(name)
        if path is None or path in order:
            return
        for needed in depends(path):
            self._add(needed.replace("-", "_"), files, order)
        order.append(path)


def module_bytes(path):
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    return data


def depends(path):
    """What a module's own .modinfo says it needs: packages come without modules.dep."""
    found = re.search(rb"\0depends=([^\0]*)\0", module_bytes(path))
    return [name for name in found[1].decode().split(",") if name] if found else []


def fetch(series, archive, flavour=CLOUD):
    name = NAME.format(series=re.escape(series), flavour=flavour)
    packages = archive.search(f"^{name}$")
    if not packages:
        raise Unavailable(f"no package {name} in Debian's archive")
    newest = max(packages, key=lambda n: [int(part) for part in re.findall(r"\d+", n)])
    return Kernel(series, archive.unpacked(newest, [newest]))
