"""What runs beside the load: nothing, an empty program, Stoker, or its peers."""
import os
import shutil
import signal
import subprocess
import time

import probes

# What a tracer of Stoker's kind sits on; replaced by Stoker's own list when it runs.
USUAL_HOOKS = ["sched_switch", "sched_process_fork", "sched_process_exit", "softirq_entry",
               "softirq_exit", "irq_handler_entry", "irq_handler_exit", "page_fault_user"]
PEERS = ["runqlat", "hardirqs", "softirqs", "cpudist"]


class Beside:
    """One condition while it lasts. A class because it owns processes."""

    def __init__(self, commands):
        self.commands, self.processes, self.ready = commands, [], 0.0

    def __enter__(self):
        for command in self.commands:
            before, started = probes.ids(probes.NEXT_LINK), time.monotonic()
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL))
            took = probes.wait_attached(before, started)
            if took is None:
                self.__exit__()
                raise RuntimeError(f"{command[0]} attached nothing within 5 s")
            self.ready = max(self.ready, took)
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


def peers():
    found = {}
    for name in PEERS:
        path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
        if path:
            found[name] = path
    return found


def commands(built, stoker, hooks):
    """Condition name -> function of the load's pid -> commands to run beside it."""
    tools = peers()
    table = {"none": lambda pid: [], "none2": lambda pid: [],
             "empty": lambda pid: [[built / "empty", *hooks]]}
    for name, path in tools.items():
        table[name] = lambda pid, path=path: [[path, "1000"]]
    if len(tools) > 1:
        table["four"] = lambda pid: [[path, "1000"] for path in tools.values()]
    if stoker:
        def watching(pid):
            return [[stoker, "diagnose", "--duration", "120s", "--pid", str(pid),
                     "--format", "json", "--output", "/dev/null"]]
        table["stoker"] = watching
        table["stoker-else"] = lambda pid: watching(os.getpid())
    return table
