#!/usr/bin/env python3
"""What the daemon costs, beside Debian's node_exporter where that does the same."""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SCRAPES = 300
LOAD_SECONDS = 60
CROWD_SECONDS = 20
THREADS = 10_000


# 20,000 pages a second, each touched once.
FAULTS = """
import mmap, time
begin, touched = time.monotonic(), 0
while True:
    with mmap.mmap(-1, 400 * 4096) as pages:
        for page in range(400):
            pages[page * 4096] = 1
    touched += 400
    time.sleep(max(0, touched / 20000 - (time.monotonic() - begin)))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A program that answers scrapes, and what it takes."""

    def __init__(self, command, port, ready="/metrics"):
        self.port = port
        begin = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        while not self.answers(ready):
            if time.monotonic() - begin > 30:
                raise SystemExit(f"{command[0]} does not answer")
            time.sleep(0.005)
        self.ready_seconds = time.monotonic() - begin

    def answers(self, path):
        try:
            return self.get(path) is not None
        except OSError:
            return False

    def get(self, path="/metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read().decode()

    @property
    def cpu(self):
        """Seconds, user and system, of the process."""
        fields = self._file("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def rss(self):
        return int(self._file("statm").split()[1]) * PAGE / 1e6

    @property
    def peak(self):
        return int(re.search(r"VmHWM:\s+(\d+)", self._file("status"))[1]) / 1e3

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def _file(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text()

    def stop(self):
        begin = time.monotonic()
        self.process.terminate()
        self.process.wait(20)
        return time.monotonic() - begin


def stoker(folder, *options):
    port = free_port()
    shutil.rmtree(f"{folder}/history", ignore_errors=True)
    return Server([PROJECT / ".build/release/stoker", "daemon", "--listen", f"127.0.0.1:{port}",
                   "--set", f"history.folder={folder}/history", *options], port, "/healthz")


def node_exporter():
    port = free_port()
    return Server(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], port)


def value(text, pattern):
    """The sum of all series that match."""
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines()
               if re.match(pattern, line))


def say(name, figure, note=""):
    print(f"  {name:<52}{figure:>12}  {note}", flush=True)


def scrape_cost(server):
    """ms of CPU time for one scrape, less what the program does in that time anyway; series."""
    def spend(scrapes):
        before, begin = server.cpu, time.monotonic()
        for _ in range(scrapes):
            text = server.get()
        return server.cpu - before, time.monotonic() - begin, text

    spend(10)
    before, begin = server.cpu, time.monotonic()
    time.sleep(10)
    rest = (server.cpu - before) / (time.monotonic() - begin)
    spent, seconds, text = spend(SCRAPES)
    series = sum(1 for line in text.splitlines() if not line.startswith("#"))
    return (spent - rest * seconds) / SCRAPES * 1e3, series, rest


def idle(folder):
    print("Idle, side by side")
    before = probes()
    ours, theirs = stoker(folder), node_exporter()
    try:
        say("start to ready", f"{ours.ready_seconds * 1e3:.0f} ms", "goal 500 ms")
        time.sleep(15)
        for name, server in [("stoker", ours), ("node_exporter", theirs)]:
            cost, series, rest = scrape_cost(server)
            say(f"{name}: resident memory", f"{server.rss:.1f} MB", f"peak {server.peak:.1f} MB")
            say(f"{name}: CPU for a scrape", f"{cost:.2f} ms", f"{series} series")
            say(f"{name}: CPU at rest", f"{rest * 100:.2f} %", "of one core")
        say("resident memory, stoker / node_exporter", f"{ours.rss / theirs.rss:.2f}", "goal 1.5")
        say("SIGTERM to exit", f"{ours.stop() * 1e3:.0f} ms", "goal 1000 ms")
        say("programs left in the kernel", probes() - before, "goal 0")
    finally:
        theirs.stop()
        ours.process.kill()


def load(folder):
    print(f"\n100,000 switches and 20,000 faults a second, {LOAD_SECONDS} s")
    commands = [["perf", "bench", "sched", "pipe", "-l", "100000000"],
                [sys.executable, "-c", FAULTS]]
    ours = stoker(folder)
    loads = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              start_new_session=True) for c in commands]
    try:
        time.sleep(12)
        first, cpu, begin = ours.get(), ours.cpu, time.monotonic()
        time.sleep(LOAD_SECONDS)
        last, seconds = ours.get(), time.monotonic() - begin
        def growth(pattern):
            return value(last, pattern) - value(first, pattern)
        switches = growth("stoker_context_switches_total")
        say("context switches", f"{switches / seconds:,.0f} /s")
        say("page faults", f"{growth('stoker_vm_events_total.*pgfault') / seconds:,.0f} /s")
        say("CPU in user space", f"{(ours.cpu - cpu) / seconds * 100:.2f} %",
            "of one core; goal 2 %")
        lost = growth("stoker_lost_events_total")
        say("lost events", f"{lost / switches * 100:.4f} %", "goal 0.1 %")
        say("probes, as measured or estimated",
            f"{growth('stoker_probe_seconds_total') / seconds * 100:.2f} %", "of one core")
        say("resident memory", f"{ours.rss:.1f} MB")
    finally:
        for process in loads:
            os.killpg(process.pid, signal.SIGKILL)
        ours.stop()


def crowd(folder):
    print(f"\n{THREADS:,} threads and thousands of process starts a second, {CROWD_SECONDS} s")
    ours = stoker(folder)
    sleepers = subprocess.Popen([sys.executable, "-c", (
        "import threading, time\nthreading.stack_size(65536)\n"
        f"for _ in range({THREADS}): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "time.sleep(600)")])
    time.sleep(12)
    before = ours.rss
    forks = subprocess.Popen(["stress-ng", "--quiet", "--vfork", "2", "--timeout",
                              f"{CROWD_SECONDS + 20}"], start_new_session=True)
    try:
        time.sleep(5)
        started, cpu, begin = processes_started(), ours.cpu, time.monotonic()
        first = ours.get()
        time.sleep(CROWD_SECONDS)
        seconds = time.monotonic() - begin
        last = ours.get()
        say("processes started", f"{(processes_started() - started) / seconds:,.0f} /s",
            "goal 5000")
        say("resident memory before the starts, and after", f"{before:.0f} MB",
            f"{ours.rss:.0f} MB, peak {ours.peak:.0f} MB")
        say("CPU", f"{(ours.cpu - cpu) / seconds * 100:.1f} %", "of one core")
        say("deaths lost", f"{value(last, 'stoker_lost_events') - value(first, 'stoker_lost_events'):.0f}")
    finally:
        os.killpg(forks.pid, signal.SIGKILL)
        sleepers.kill()
        ours.stop()


def probes():
    shown = subprocess.run(["bpftool", "prog", "show"], capture_output=True, text=True).stdout
    return shown.count("name on_switch")


def processes_started():
    return int(re.search(r"^processes (\d+)", pathlib.Path("/proc/stat").read_text(), re.M)[1])


def soak(folder, minutes):
    print(f"\nSoak, {minutes} minutes with a scrape a second and a job that comes and goes")
    ours = stoker(folder)
    points, descriptors = [], []
    begin = time.monotonic()
    job = None
    try:
        while (now := time.monotonic() - begin) < minutes * 60:
            if job is None or job.poll() is not None:
                job = subprocess.Popen(["stress-ng", "--quiet", "--cpu", "1", "--cpu-load", "20",
                                        "--timeout", "20"])
            ours.get()
            ours.get("/report")
            if now > minutes * 60 * 0.25:
                points.append((now / 3600, ours.rss))
                descriptors.append(ours.descriptors)
            time.sleep(1)
        slope, _ = statistics.linear_regression(*zip(*points))
        say("slope of resident memory", f"{slope:.2f} MB/h", "goal 0.5")
        say("resident memory", f"{ours.rss:.1f} MB", f"peak {ours.peak:.1f} MB")
        say("open descriptors, least and most", f"{min(descriptors)}", f"{max(descriptors)}")
    finally:
        if job:
            job.kill()
        ours.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["idle", "load", "crowd"], action="append")
    parser.add_argument("--soak", type=int, metavar="MINUTES", help="and nothing else")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("needs root: probes are part of what it costs")
    with tempfile.TemporaryDirectory(prefix="stoker-bench-") as folder:
        if options.soak:
            return soak(folder, options.soak)
        for name, part in [("idle", idle), ("load", load), ("crowd", crowd)]:
            if not options.only or name in options.only:
                part(folder)


if __name__ == "__main__":
    main()
