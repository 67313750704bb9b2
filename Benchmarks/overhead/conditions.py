"""What runs beside the load: nothing, an empty program, Stoker, or its peers."""
import os
import shlex
import shutil
import signal
import subprocess
import time

import build
import probes

# What a tracer of Stoker's kind sits on; replaced by Stoker's own list when it runs.
USUAL_HOOKS = ["sched_switch", "sched_process_fork", "sched_process_exit", "softirq_entry",
               "softirq_exit", "irq_handler_entry", "irq_handler_exit", "page_fault_user"]
FOUR = ["runqlat", "hardirqs", "softirqs", "cpudist"]
# What one would start for the same answers: the four, waits above 10 ms, and a count of faults.
SUM = [*FOUR, "runqslower", "bpftrace"]
ARGUMENTS = {"runqslower": ["10000"]}
FAULTS = "tracepoint:exceptions:page_fault_user { @ = count(); }"
GAP = 0.15  # s, about what a tool takes to attach: nothing is "started" as long as something


class Beside:
    """One condition while it lasts. A class because it owns processes."""

    def __init__(self, commands):
        self.commands, self.processes, self.links = commands, [], set()

    def __enter__(self):
        self.links = probes.ids(probes.NEXT_LINK)
        for command in self.commands:
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL))
        if not self.commands:
            time.sleep(GAP)
        idle, _ = probes.wait_holding(self.processes)
        if idle:
            self.__exit__()
            raise RuntimeError(f"{' '.join(map(str, idle[0].args))} attached nothing within 5 s")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGINT)
        for process in self.processes:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        probes.wait_gone(self.links)

    def programs(self):
        return set().union(*(probes.held(process.pid)[0] for process in self.processes))


def tools():
    """Name -> command of each tool that is installed here."""
    found = {}
    for name in SUM:
        path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
        if path:
            found[name] = [path, *ARGUMENTS.get(name, ["1000"])]
    if "bpftrace" in found:
        # It reads the event's number from tracefs, which need not be mounted: a mount of its own.
        found["bpftrace"] = ["unshare", "--mount", "sh", "-c",
                             "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; "
                             f"exec {found['bpftrace'][0]} -e {shlex.quote(FAULTS)}"]
    return found


def commands(built, stoker, hooks):
    """(condition -> function of the load's pid -> commands to run beside it, what is missing)."""
    found, missing = tools(), {}
    fixed = {"none2": [], "empty": [[built / "empty", *hooks]]}
    for name in build.PEERS:
        if (built / f"{name}.bpf.o").exists():
            fixed[name] = [[built / "peer", built / f"{name}.bpf.o"]]
        else:
            missing[name] = "no clang for BPF"
    for name, parts in {**{n: [n] for n in FOUR}, "four": FOUR, "sum": SUM}.items():
        absent = [part for part in parts if part not in found]
        if absent:
            missing[name] = f"{', '.join(absent)} not installed"
        else:
            fixed[name] = [found[part] for part in parts]
    table = {name: lambda pid, what=what: what for name, what in fixed.items()}
    if stoker:
        diagnose = [stoker, "diagnose", "--duration", "120s", "--format", "json",
                    "--output", "/dev/null"]
        table["stoker"] = lambda pid: [[*diagnose, "--pid", str(pid)]]
        # Not this process: the load is a child of it, and descendants are watched.
        table["stoker-else"] = lambda pid: [[*diagnose, "--", "sleep", "120"]]
    else:
        missing["stoker"] = missing["stoker-else"] = "--without-stoker"
    return table, missing
