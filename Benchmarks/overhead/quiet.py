"""Keeping a shared machine alike from one measurement to the next."""
import os
import pathlib
import resource
import subprocess
import time

MOST = 0.25  # CPUs that strangers may use while something is measured
FEW = 8      # up to so many CPUs all the others are kept busy, beyond it only siblings


def busy():
    """CPU seconds of the whole machine except niced and idle-class work (the companion's)."""
    words = [int(w) for w in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (words[0] + words[2] + words[5] + words[6] + words[7]) / os.sysconf("SC_CLK_TCK")


def own():
    use = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return sum(u.ru_utime + u.ru_stime for u in use)


class Watch:
    """How much of the machine was used by others since it was made."""

    def __init__(self):
        self.at, self.busy, self.own = time.monotonic(), busy(), own()

    def strangers(self, alive=0.0):
        """`alive`: CPU seconds since then of children that have not been waited for."""
        wall = time.monotonic() - self.at
        return (busy() - self.busy - (own() - self.own) - alive) / wall


def wait(limit=5):
    """Until half a second passed with little going on."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        calm = Watch()
        time.sleep(0.5)
        if calm.strangers() < MOST:
            return


def neighbours(cpu):
    allowed = os.sched_getaffinity(0) - {cpu}
    if len(allowed) < FEW:
        return sorted(allowed)
    path = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    named = pathlib.Path(path).read_text().replace("-", ",").split(",")
    return sorted(allowed & {int(n) for n in named})


class Companion:
    """Spins on the neighbouring CPUs in the idle class: busy, and in nobody's way."""

    def __init__(self, built, cpu):
        self.built, self.cpus, self.processes = built, neighbours(cpu), []

    def __enter__(self):
        for cpu in self.cpus:
            process = subprocess.Popen([self.built / "loads", "spin", str(1 << 60), str(cpu)],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            self.processes.append(process)
            os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, process.pid, 19)
            process.stdin.write(b"\n")
            process.stdin.flush()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdin.close()
