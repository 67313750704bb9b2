"""A machine of its own with a real systemd, made of this one's /usr: systemd-nspawn."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

# What the container takes from this machine, read-only.
SHARED = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "share"]
# nspawn's own filter forbids bpf.
CALLS = "bpf perf_event_open @keyring"
BOOT_SECONDS = 60
TARGET = """[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
                  "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nadm:x:4:\ntty:x:5:\nutmp:x:43:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files systemd\ngroup: files systemd\n",
    "etc/os-release": "ID=debian\n",
    "etc/machine-id": "uninitialized\n",
    "etc/fstab": "",
    "etc/systemd/system/test.target": TARGET,
}


class Missing(Exception):
    """Why there can be no container here."""


def why_not():
    if os.geteuid() != 0:
        return "not root"
    for program in ["systemd-nspawn", "nsenter", "curl"]:
        if not shutil.which(program):
            return f"no {program}"
    if not os.access("/usr/lib/systemd/systemd", os.X_OK):
        return "no systemd"
    return None


class Container:
    """Booted when it is entered; gone with everything in it when it is left."""

    def __init__(self, installed):
        if reason := why_not():
            raise Missing(reason)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stoker-systemd-"))
        self.root = self.folder / "root"
        self.log = self.folder / "console"
        self._plant(pathlib.Path(installed))

    def _plant(self, installed):
        for name in ["etc", "usr", "proc", "sys", "dev", "run", "tmp", "root", "var/lib", "var/log"]:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in SHARED:
            if pathlib.Path("/usr", name).is_dir():
                (self.root / "usr" / name).mkdir()
            if pathlib.Path("/", name).is_symlink():
                (self.root / name).symlink_to(f"usr/{name}")
        for name, text in FILES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        shutil.copy("/etc/ld.so.cache", self.root / "etc")
        shutil.copytree(installed, self.root, dirs_exist_ok=True)
        self.root.chmod(0o755)

    def __enter__(self):
        shared = [f"--bind-ro=/usr/{n}" for n in SHARED if pathlib.Path("/usr", n).is_dir()]
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
                   "--console=pipe", "--private-network", "--capability=all",
                   f"--system-call-filter={CALLS}", f"--directory={self.root}", *shared,
                   "systemd.unit=test.target"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        try:
            self._wait_for_systemd()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_for_systemd(self):
        end = time.monotonic() + BOOT_SECONDS
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                raise Missing(f"no boot: {self.log.read_text(errors='replace')[-500:]!r}")
            self.leader = self._leader()
            if self.leader and self.run("systemctl", "is-active", "test.target").returncode == 0:
                return
            time.sleep(0.1)

    def _leader(self):
        """The container's first process, as this machine numbers it."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        children = pathlib.Path(path).read_text().split()
        return int(children[0]) if children else None

    def __exit__(self, *_):
        if self.process.poll() is None:
            # With its first process go all others; nspawn, told to end, may leave them behind.
            if leader := self._leader():
                os.kill(leader, signal.SIGKILL)
            else:
                self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command, timeout=30):
        """A command inside, as its root."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid"]
        return subprocess.run([*enter, "--", *command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)

    def systemctl(self, *words, timeout=30):
        return self.run("systemctl", *words, timeout=timeout)

    def show(self, unit, name):
        return self.systemctl("show", "--property", name, "--value", unit).stdout.strip()

    def journal(self, unit):
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit).stdout

    def write(self, path, text):
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def pid(self, unit):
        """The main process of a unit as this machine numbers it; 0 when there is none."""
        inside = int(self.show(unit, "MainPID") or 0)
        return self._outside(inside) if inside else 0

    def _outside(self, inside):
        space = os.readlink(f"/proc/{self.leader}/ns/pid")
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                if os.readlink(status.parent / "ns/pid") != space:
                    continue
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            except OSError:
                continue
            if lines["NSpid"].split()[-1] == str(inside):
                return int(status.parent.name)
        return 0
