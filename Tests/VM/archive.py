"""An apt of its own: Debian packages that are fetched and unpacked, never installed."""

import pathlib
import shutil
import subprocess
import time

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org"
SOURCES = [
    f"deb [signed-by={KEYRING}] {MIRROR}/debian bookworm main",
    f"deb [signed-by={KEYRING}] {MIRROR}/debian-security bookworm-security main",
    f"deb [signed-by={KEYRING}] {MIRROR}/debian bookworm-backports main",
]
LIST_AGE_SECONDS = 12 * 3600


class Unavailable(Exception):
    """What is missing on this machine or in the archive, and why."""


class Archive:
    """An apt of its own, below one folder. A class because it owns that folder."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial"):
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

    def apt(self, program, *words, into=None):
        try:
            done = subprocess.run([program, *self.options, *words], cwd=into or self.folder,
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

    def search(self, pattern):
        """Names of packages that match."""
        lines = self.apt("apt-cache", "search", "--names-only", pattern).splitlines()
        return [line.split(" ")[0] for line in lines]

    def unpacked(self, name, packages):
        """The folder with the contents of packages; `name` is that of the folder."""
        folder = self.folder / "unpacked" / name
        if folder.exists():
            return folder
        debs, half = self.folder / "debs", folder.with_suffix(".part")
        for path in (debs, half):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        self.apt("apt-get", "download", "-qq", *packages, into=debs)
        for deb in debs.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", deb, half], check=True)
        shutil.rmtree(debs)
        half.rename(folder)
        return folder
