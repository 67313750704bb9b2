"""Debian's kernels, fetched beside the machine's own package state and never installed."""

import lzma
import pathlib
import re
import subprocess
import time

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org"
SOURCES = [
    f"deb [signed-by={KEYRING}] {MIRROR}/debian bookworm main",
    f"deb [signed-by={KEYRING}] {MIRROR}/debian-security bookworm-security main",
    f"deb [signed-by={KEYRING}] {MIRROR}/debian bookworm-backports main",
]
# The cloud flavour has what the machines of the tests need (NVMe and ext4 built in, virtio as
# modules) at a third of the size.
NAME = r"linux-image-{series}\.[0-9.]+[+-][a-z0-9]+-cloud-amd64"
LIST_AGE_SECONDS = 12 * 3600


class Unavailable(Exception):
    """Why there is no kernel to boot."""


class Archive:
    """An apt of its own, below one folder. A class because it owns that folder."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial", "debs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        sources = folder / "sources.list"
        sources.write_text("\n".join(SOURCES) + "\n")
        (folder / "status").touch()
        self.options = [
            word for option in (
                f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=-",
                f"Dir::State::Lists={folder}/lists", f"Dir::State::Status={folder}/status",
                f"Dir::Cache={folder}/cache", "APT::Sandbox::User=root",
                "Acquire::Retries=3", "Acquire::http::Timeout=30",
            ) for word in ("-o", option)
        ]

    def apt(self, program, *words):
        try:
            done = subprocess.run([program, *self.options, *words], cwd=self.folder / "debs",
                                  capture_output=True, text=True, timeout=300, check=False)
        except FileNotFoundError:
            raise Unavailable(f"{program} is not there: kernels are fetched with it") from None
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{program} {words[0]} took over 300 s") from None
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise Unavailable(f"{program} {words[0]}: {why}")
        return done.stdout

    def update(self):
        if not pathlib.Path(KEYRING).exists():
            raise Unavailable(f"no {KEYRING}: install debian-archive-keyring")
        stamp = self.folder / "updated"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < LIST_AGE_SECONDS:
            return
        self.apt("apt-get", "update", "-qq", "--error-on=any")
        stamp.touch()

    def newest(self, series):
        """The newest package of a series such as 6.1."""
        name = NAME.format(series=re.escape(series))
        lines = self.apt("apt-cache", "search", "--names-only", f"^{name}$").splitlines()
        names = [line.split(" ")[0] for line in lines]
        if not names:
            raise Unavailable(f"no package {name} in {MIRROR}")
        return max(names, key=lambda n: [int(part) for part in re.findall(r"\d+", n)])

    def unpacked(self, package):
        """The folder with the contents of a package."""
        folder = self.folder / "kernels" / package
        if not folder.exists():
            self.apt("apt-get", "download", "-qq", package)
            (deb,) = (self.folder / "debs").glob(f"{package}_*.deb")
            half = folder.with_suffix(".part")
            subprocess.run(["rm", "-rf", half], check=True)
            half.mkdir(parents=True)
            subprocess.run(["dpkg-deb", "-x", deb, half], check=True)
            half.rename(folder)
            deb.unlink()
        return folder


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


def fetch(series, folder):
    archive = Archive(folder)
    archive.update()
    return Kernel(series, archive.unpacked(archive.newest(series)))
