"""The guest's whole disk: busybox, the release binary, the faults and the modules, in one cpio."""

import gzip
import os
import pathlib
import re
import shutil
import subprocess

from kernels import module_bytes

HERE = pathlib.Path(__file__).resolve().parent
# Static programs of our own.
PROGRAMS = ["agent", "job", "fragment", "traffic"]
# Commands that reports print and busybox has not, or not in full, and the topology to compare.
COMMANDS = ["taskset", "numactl", "migratepages", "renice", "chrt", "lstopo-no-graphics"]
# In any order: what they need comes along. Built-in ones have no file.
MODULES = ["virtio_pci", "virtio_console", "virtio_net"]


class Unbuildable(Exception):
    """What is missing on this machine."""


def compiled(folder):
    """Our programs, static, because the guest has no C library of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang")
    if not compiler:
        raise Unbuildable("no C compiler")
    for name in PROGRAMS:
        done = subprocess.run(
            [compiler, "-O2", "-Wall", "-Wextra", "-static", "-pthread", "-o", folder / name,
             HERE / "guest" / f"{name}.c"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unbuildable(f"{name}.c: {done.stderr.strip()}")
    return {name: folder / name for name in PROGRAMS}


def found(command):
    path = shutil.which(command)
    if not path:
        raise Unbuildable(f"no {command} on this machine")
    return pathlib.Path(path).resolve()


def libraries(program):
    """Shared libraries of a program, where the loader looks for them."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return set(re.findall(r"(/\S+) \(0x", done.stdout))


class Archive:
    """A cpio in the `newc` format. A class because entries are numbered."""

    def __init__(self):
        self.parts, self.count, self.folders = [], 0, set()

    def add(self, name, mode, data=b""):
        name = name.lstrip("/")
        parent = os.path.dirname(name)
        if parent and parent not in self.folders:
            self.folders.add(parent)
            self.add(parent, 0o040755)
        self.count += 1
        label = name.encode() + b"\0"
        head = "070701" + "".join(f"{n:08x}" for n in (
            self.count, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(label), 0))
        self.parts += [padded(head.encode() + label), padded(data)]

    def bytes(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def build(kernel, stoker, programs, target, commands=(), modules=(), files=(), extra=None):
    """Writes the initial RAM disk for one kernel, with these besides what every guest has; `extra`:
    files by where they are to lie."""
    archive = Archive()
    executable, plain, link = 0o100755, 0o100644, 0o120777
    archive.add("init", executable, (HERE / "guest/init").read_bytes())
    archive.add("bin/busybox", executable, found("busybox").read_bytes())
    archive.add("bin/sh", link, b"busybox")
    needed = set()
    own = {command: found(command) for command in [*COMMANDS, *commands]}
    for name, path in {**programs, "stoker": stoker, **own}.items():
        archive.add(f"bin/{name}", executable, path.read_bytes())
        needed |= libraries(path)
    for path in map(pathlib.Path, files):
        needed |= {str(path)} | (libraries(path) if ".so" in path.name else set())
    for library in sorted(needed):
        archive.add(library, executable, pathlib.Path(library).read_bytes())
    for name, path in (extra or {}).items():
        archive.add(name, plain, path.read_bytes())
    loaded = kernel.files_of([*MODULES, *modules])
    for path in loaded:
        archive.add(f"modules/{path.name.removesuffix('.xz')}", plain, module_bytes(path))
    order = "".join(f"{path.name.removesuffix('.xz')}\n" for path in loaded)
    archive.add("modules/order", plain, order.encode())
    target.write_bytes(gzip.compress(archive.bytes(), compresslevel=1))
    return target
