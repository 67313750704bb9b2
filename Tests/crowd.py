#!/usr/bin/env python3
"""The daemon on a host that gives it no rest: crowds of processes and control groups, scrapes
without end, a GPU that hangs. STOKER_CROWD_SECONDS: how long each lasts (60 for the whole of it)."""

import itertools
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import cli
from cli import IS_ROOT, ROOT, Skip, expect
from daemon import Daemon

SECONDS = int(os.environ.get("STOKER_CROWD_SECONDS", 15))
# What a host that starts jobs by the script does: 5,000 groups and 10,000 processes a minute.
GROUPS_PER_SECOND = 5000 / 60
PROCESSES_PER_GROUP = 2
LIVING_GROUPS = 1000
SCRAPES_PER_SECOND = 100
SCRAPE_THREADS = 40
# ECOSYSTEM: what a minute of scrapes may add.
SCRAPE_BYTES = 2 << 20
GPUS = 8
LOST = 3


def series(text):
    """Without those of findings: a host under load may well have more of them."""
    return {line.rpartition(" ")[0] for line in text.splitlines()
            if not line.startswith(("#", "stoker_finding_"))}


def value(text, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


class Groups:
    """Control groups that come, run two processes each, and go, a thousand of them at a time."""

    def __init__(self):
        mounts = pathlib.Path("/proc/mounts").read_text()
        mount = re.search(r"^\S+ (\S+) cgroup2 ", mounts, re.M)
        if not IS_ROOT or not mount:
            raise Skip("no control groups can be made here: not root, or no cgroup2")
        self.folder = pathlib.Path(mount[1], "stoker-crowd")
        self.living, self.made = [], 0

    def __enter__(self):
        try:
            self.folder.mkdir()
        except OSError as error:
            raise Skip(f"no control groups can be made here: {error}")
        return self

    def __exit__(self, *_):
        while self.living:
            self.living.pop().rmdir()
        self.folder.rmdir()

    def one(self):
        group = self.folder / f"job-{self.made}"
        self.made += 1
        group.mkdir()
        self.living.append(group)
        script = f"echo $$ > {group}/cgroup.procs; " + "/bin/true; " * (PROCESSES_PER_GROUP - 1)
        subprocess.run(["sh", "-c", script], check=True)
        if len(self.living) > LIVING_GROUPS:
            self.living.pop(0).rmdir()

    def run(self, seconds):
        begin, before = time.monotonic(), self.made
        while (now := time.monotonic() - begin) < seconds:
            self.one()
            time.sleep(max(0, (self.made - before) / GROUPS_PER_SECOND - now))


class Limits:
    """The daemon's own control group, as its unit would bound it: systemd's work, done by hand."""

    # file by version of control groups, and what to write
    FILES = {
        "memory": (("memory.limit_in_bytes", "{}"), ("memory.max", "{}")),
        "cpu": (("cpu.cfs_quota_us", "{}000"), ("cpu.max", "{}000 100000")),
        "pids": (("pids.max", "{}"), ("pids.max", "{}")),
    }

    def __init__(self, **limits):
        mounts = pathlib.Path("/proc/mounts").read_text()
        self.folders = []
        for name, limit in limits.items():
            old = re.search(rf"^\S+ (\S+) cgroup \S*\b{name}\b", mounts, re.M)
            new = re.search(r"^\S+ (\S+) cgroup2 ", mounts, re.M)
            version = 0 if old else 1
            parent = pathlib.Path((old or new)[1]) if old or new else None
            if not parent or not os.access(parent, os.W_OK):
                self.remove()
                raise Skip(f"no control group for {name} can be made here")
            if not old:
                self.offer(parent, name)
            folder = parent / "stoker-limited"
            folder.mkdir(exist_ok=True)
            self.folders.append(folder)
            file, pattern = self.FILES[name][version]
            (folder / file).write_text(pattern.format(limit))

    def offer(self, parent, name):
        try:
            (parent / "cgroup.subtree_control").write_text(f"+{name}")
        except OSError as error:
            self.remove()
            raise Skip(f"no control group for {name} can be made here: {error}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        for folder in set(self.folders):
            # The last process is gone a moment after it was waited for.
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.05)

    def take(self):
        """The calling process, and all that it becomes."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def killed(self):
        """How often the kernel killed for want of memory."""
        for folder in self.folders:
            for name in ["memory.events", "memory.oom_control"]:
                if (folder / name).exists():
                    return int(re.search(r"^oom_kill (\d+)", (folder / name).read_text(), re.M)[1])
        return 0


# Thousands of processes are started a second.
STORM = ["--fork", "2", "--pthread", "2", "--pthread-max", "500"]


def under_load(it, seconds, more=()):
    """Switches and faults, more than the daemon's share of a CPU."""
    load = subprocess.Popen(["stress-ng", "--quiet", "--switch", "4", "--fault", "1",
                             *more, "--timeout", str(seconds)])
    try:
        while load.poll() is None:
            it.until(lambda: it.status("/metrics") == 200, "does not answer under load", 20)
            time.sleep(0.5)
    finally:
        load.kill()
        load.wait()


def test_it_lives_within_the_limits_of_its_unit():
    if not IS_ROOT:
        raise Skip("only root makes control groups")
    with Limits(memory=256 << 20, cpu=20, pids=64) as limits, Daemon(first=limits.take) as it:
        under_load(it, SECONDS, STORM)
        expect(it.status("/healthz") == 200, it.said())
        expect(not limits.killed(), "out of memory")
        return f"{it.resident >> 20} MiB"


def test_little_memory_is_enough():
    """Not for a storm of processes: then the kernel ends it, and systemd starts it five times."""
    if not IS_ROOT:
        raise Skip("only root makes control groups")
    with Limits(memory=48 << 20) as limits, Daemon(first=limits.take) as it:
        under_load(it, SECONDS)
        expect(not limits.killed(), "out of memory")
        expect(it.status("/healthz") == 200, it.said())
        return f"{it.resident >> 20} MiB"


def test_crowds_of_processes_and_groups_make_no_series():
    with Groups() as groups, Daemon() as it:
        # Until the window is full and has seen what there is to be seen.
        groups.run(12)
        before, resident = series(it.get("/metrics")), it.resident
        made = groups.made
        groups.run(SECONDS)
        text = it.get("/metrics")
        expect(groups.made - made > SECONDS * GROUPS_PER_SECOND / 2, "too slow to be a crowd")
        after = series(text)
        expect(abs(len(after) - len(before)) <= 0.05 * len(before),
               f"{len(before)} series, then {len(after)}: {sorted(after - before)}")
        expect("job-" not in "".join(l for l in text.splitlines() if "culprit" not in l),
               "a label for each group")
        expect(it.resident - resident < 16 << 20, f"{it.resident - resident} bytes more")
        return f"{len(before)} series, {len(after)} after {groups.made - made} groups"


def test_scrapes_without_end_cost_no_memory():
    # Nobody to watch: what else runs on this machine is not to be counted.
    with Daemon("--set", "training.commands=^no such job$") as it:
        # What many connections take once is kept, and the window fills.
        scrapes(it, 15)
        before = it.resident
        times, failures = scrapes(it, SECONDS)
        expect(not failures, f"{len(failures)} failed, as {failures[:1]}")
        grown = it.resident - before
        expect(grown <= SCRAPE_BYTES, f"{grown} bytes more after {len(times)} scrapes")
        p99 = statistics.quantiles(times, n=100)[98]
        return f"{len(times)} scrapes, p99 {1e3 * p99:.1f} ms, {grown >> 10} KiB more"


def scrapes(it, seconds):
    """Their times in seconds, and what went wrong, with many under way at once."""
    times, failures, count = [], [], itertools.count()
    begin = time.monotonic()

    def work():
        while (at := next(count) / SCRAPES_PER_SECOND) < seconds:
            time.sleep(max(0, begin + at - time.monotonic()))
            sent = time.monotonic()
            try:
                it.get("/metrics")
            except OSError as error:
                failures.append(error)
            times.append(time.monotonic() - sent)
    threads = [threading.Thread(target=work) for _ in range(SCRAPE_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, failures


def test_a_gpu_that_hangs_keeps_nobody_waiting():
    library = ROOT / ".build/nvml/r9999/libnvidia-ml.so.1"
    if not library.exists():
        raise Skip("the fake of NVML was not built: Tests/NVML/build.sh")
    with tempfile.TemporaryDirectory() as folder:
        scenario = pathlib.Path(folder, "scenario")
        gpus = [f"gpu {n} pci=0000:{n + 1:02x}:00.0 name=NVIDIA_H100 uuid=GPU-{n}"
                for n in range(GPUS)]
        scenario.write_text("\n".join(
            ["driver 570.86.15", *gpus, "set util=70", f"call fn=* gpu={LOST} t=8 ret=15",
             f"call fn=* gpu={LOST} t=11 hang=1"]) + "\n")
        os.environ["FAKE_NVML"] = str(scenario)
        try:
            with Daemon("--set", f"nvml={library}") as it:
                return watch_a_hang(it)
        finally:
            del os.environ["FAKE_NVML"]


def watch_a_hang(it):
    address = f"0000:{LOST + 1:02x}:00.0"
    up = f'stoker_gpu_up{{gpu="{address}"}}'

    def is_down():
        return value(it.get("/metrics"), up) == 0
    it.until(lambda: f"{up} 1" in it.get("/metrics"), "eight GPUs are not seen")
    it.until(is_down, "the GPU is not missed", 20)
    # Beyond the moment from which every call hangs.
    time.sleep(5)

    def observed():
        text = it.get("/metrics")
        return [value(text, f'stoker_gpu_observed_seconds_total{{gpu="0000:{n + 1:02x}:00.0"}}')
                for n in range(GPUS)]
    before = observed()
    times = []
    for _ in range(60):
        begin = time.monotonic()
        it.get("/metrics")
        times.append(time.monotonic() - begin)
        time.sleep(0.05)
    grown = [after - old for old, after in zip(before, observed())]
    others = grown[:LOST] + grown[LOST + 1:]
    expect(grown[LOST] == 0, f"a GPU that does not answer goes on: {grown}")
    expect(min(others) > 1, f"the others stand still: {grown}")
    expect(is_down(), "it came back by itself")
    expect(max(times) < 1, f"a scrape took {max(times):.1f} s")
    expect("does not answer its driver" in it.said(), it.said())
    begin = time.monotonic()
    it.end()
    expect(time.monotonic() - begin < 1, "the hang held up the end")
    expect(not daemon_children(it), "the worker stays")
    return f"a scrape took at most {1e3 * max(times):.0f} ms"


def daemon_children(it):
    """Workers of this daemon that are still there: they hold its scenario."""
    mark = os.environ["FAKE_NVML"].encode()
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes() and path.parent.name != str(os.getpid()):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


if __name__ == "__main__":
    cli.main(globals())
