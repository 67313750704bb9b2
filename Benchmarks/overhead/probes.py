"""What the kernel has loaded: programs, links, maps, and what they cost."""
import ctypes
import json
import os
import pathlib
import platform
import re
import struct
import subprocess
import time

SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
NEXT_PROGRAM, NEXT_LINK = 11, 31
SETTLED = 0.06  # s without another attachment
LIBC = ctypes.CDLL(None, use_errno=True)
STATS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


def ids(command):
    """Every program or link id: fast enough to poll, unlike bpftool."""
    found, last = set(), 0
    while True:
        attributes = ctypes.create_string_buffer(struct.pack("=III", last, 0, 0) + bytes(116), 128)
        if LIBC.syscall(SYSCALL, command, attributes, 128) != 0:
            return found
        last = struct.unpack_from("=I", attributes.raw, 4)[0]
        found.add(last)


def attachments(pid):
    """What a process holds: (links to hooks, perf events, programs), from its descriptors."""
    names = []
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            names.append(os.readlink(entry.path))
    except OSError:
        pass  # it, or the descriptor, went away meanwhile
    return tuple(sum(part in name for name in names)
                 for part in ("bpf_link", "perf_event", "bpf-prog"))


def wait_holding(processes, limit=5.0):
    """Until each has attached something and none attaches more: (those that have not, seconds)."""
    started = changed = time.monotonic()
    last, idle = None, processes
    while time.monotonic() - started < limit:
        now = [attachments(process.pid) for process in processes]
        if now != last:
            last, changed = now, time.monotonic()
        # bpftrace makes no links: its perf event carries the program.
        idle = [process for process, (links, events, programs) in zip(processes, now)
                if not links and not (events and programs)]
        settled = time.monotonic() - changed > SETTLED
        if settled and not idle or any(process.poll() is not None for process in idle):
            break
        time.sleep(0.002)
    return idle, changed - started


def wait_gone(links, limit=1.0):
    """Until no link is there that is not among `links`; closing them takes the kernel a while."""
    started = time.monotonic()
    while ids(NEXT_LINK) - links and time.monotonic() - started < limit:
        time.sleep(0.005)
    time.sleep(0.02)  # a link loses its number first and its hook next


def bpftool(*words):
    ended = subprocess.run(["bpftool", "-j", *words], capture_output=True, text=True)
    try:
        return json.loads(ended.stdout)
    except ValueError:
        return []


def held(pid):
    """({program ids}, bytes of maps) that a process holds, from its descriptors."""
    programs, maps = set(), {}
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").glob("*"):
        try:
            facts = dict(re.findall(r"^(\w+):\s+(\S+)", path.read_text(), re.M))
        except OSError:
            continue
        if "map_id" in facts:
            maps[facts["map_id"]] = int(facts["memlock"])
        if "prog_id" in facts:
            programs.add(int(facts["prog_id"]))
    return programs, sum(maps.values())


def hooks(program_ids):
    """Program id -> tracepoint, and the number of links that sit on something else."""
    links = [row for row in bpftool("link", "show") if row.get("prog_id") in program_ids]
    found = {row["prog_id"]: row["tp_name"] for row in links if "tp_name" in row}
    return found, len(links) - len(found)


class Stats:
    """Turns the kernel's run-time counters on and leaves them as they were found."""

    def __enter__(self):
        self.found = STATS.read_text()
        STATS.write_text("1")
        return self

    def __exit__(self, *_):
        STATS.write_text(self.found)

    @staticmethod
    def read(program_ids):
        return {row["id"]: (row.get("run_time_ns", 0), row.get("run_cnt", 0))
                for row in bpftool("prog", "show") if row["id"] in program_ids}
