"""What the kernel has loaded: programs, links, maps, and what they cost."""
import ctypes
import json
import pathlib
import platform
import re
import struct
import subprocess
import time

SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
NEXT_PROGRAM, NEXT_LINK = 11, 31
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


def wait_attached(before, started, limit=5.0):
    """Seconds from `started` to the last new link, once none came for 60 ms; or None."""
    seen, changed = set(before), None
    while time.monotonic() - started < limit:
        now = ids(NEXT_LINK)
        if now - seen:
            seen, changed = seen | now, time.monotonic()
        elif changed and time.monotonic() - changed > 0.06:
            return changed - started
        time.sleep(0.002)
    return None


def bpftool(*words):
    ended = subprocess.run(["bpftool", "-j", *words], capture_output=True, text=True)
    try:
        return json.loads(ended.stdout)
    except ValueError:
        return []


def owned(kind, pid):
    """bpftool's rows that a process holds; falls back to none if it cannot tell."""
    return [row for row in bpftool(kind, "show") if any(p["pid"] == pid for p in row.get("pids", []))]


def hooks(program_ids):
    """Tracepoints that the programs sit on, and the number of those that sit elsewhere."""
    links = [row for row in bpftool("link", "show") if row.get("prog_id") in program_ids]
    wanted = {row["target_btf_id"] for row in links if row.get("target_btf_id")}
    dump = subprocess.run(["bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux"],
                          capture_output=True, text=True).stdout
    names = {int(n): name for n, name in re.findall(r"^\[(\d+)\] TYPEDEF 'btf_trace_(\w+)'", dump, re.M)}
    found = {row["prog_id"]: names[row["target_btf_id"]] for row in links
             if row.get("target_btf_id") in names}
    return found, len(links) - len(found), wanted


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
