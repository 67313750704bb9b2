"""One run: a job, what is wrong with it, what independent counters say, and the way back."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import host

HERE = pathlib.Path(__file__).resolve().parent
BUILT = HERE.parents[1] / ".build" / "accuracy"
JOB = ["job.c", "launch.c", "workers.c"]
FAULTS = ["hog", "flood", "reader", "evictor", "bouncer"]


def compile_all():
    BUILT.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang")
    flags = [compiler, "-O2", "-Wall", "-pthread", f"-I{HERE}"]
    subprocess.run([*flags, "-o", BUILT / "job", *(HERE / f for f in JOB)], check=True)
    for name in FAULTS:
        subprocess.run([*flags, "-o", BUILT / name, HERE / "faults" / f"{name}.c"], check=True)


class Scene:
    """A class because it owns processes, groups and files, and ends them all in `close`."""

    def __init__(self, rng):
        self.rng, self.cpus = rng, host.cpus()
        self.processes, self.groups, self.folder = [], [], BUILT / host.random_name(rng)
        self.folder.mkdir(exist_ok=True)
        self.job_process, self.launch = None, None

    # -- arranging ---------------------------------------------------------

    def group(self, controller, path):
        made = host.Group(controller, path)
        self.groups.append(made)
        return made

    def start(self, program, *arguments, groups=(), idle=False):
        """Starts a copy of a compiled program under a random name."""
        name = host.random_name(self.rng)
        shutil.copy(BUILT / program, self.folder / name)

        def enter():
            for group in groups:
                group.enter()

        process = subprocess.Popen(
            [self.folder / name, *map(str, arguments)], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if idle else None, text=True, preexec_fn=enter)
        process.short_name = name
        self.processes.append(process)
        return process

    def job(self, *arguments, groups=(), settle=0.7, **options):
        """Starts the job with a shape drawn from the seed; `options` override it."""
        draw = self.rng
        chosen = {"launch_main": draw.randrange(2), "workers": draw.randint(1, 3),
                  "worker_threads": draw.randrange(2), "comm": "sleep",
                  "launch_us": draw.randrange(150, 260), **options}
        for role in ("launch", "comm", "worker"):
            chosen[f"{role}_name"] = host.random_name(draw)
        flags = [w for k, v in chosen.items() for w in ("--" + k.replace("_", "-"), v)]
        self.job_process = self.start("job", *flags, *arguments, groups=groups)
        self.launch = json.loads(self.job_process.stdout.readline())["launch"]
        time.sleep(settle)
        return self.job_process

    def job_pids(self):
        return [self.job_process.pid, *host.children(self.job_process.pid)]

    def cpu_use(self, seconds=1.0):
        """CPUs that the job uses now."""
        before = sum(host.thread_times(p)[0] for p in self.job_pids())
        time.sleep(seconds)
        return (sum(host.thread_times(p)[0] for p in self.job_pids()) - before) / 1e9 / seconds

    def data_file(self, size, sparse=False):
        path = self.folder / "data"
        with open(path, "wb") as file:
            if sparse:
                file.truncate(size)
            else:
                block = os.urandom(1 << 20)
                for _ in range(size >> 20):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
        return path

    # -- measuring ---------------------------------------------------------

    def begin(self):
        os.kill(self.job_process.pid, signal.SIGUSR1)
        self.before = self.read()

    def read(self):
        times = [host.thread_times(p) for p in self.job_pids()]
        launch = host.read(f"/proc/{self.launch}/schedstat", "0 0").split()
        others = [host.thread_times(p.pid)[0] for p in self.processes if p != self.job_process]
        facts = {"at": time.monotonic(), "machineBusy": host.machine_busy(),
                 "faultRan": sum(others) / 1e9, "jobRan": sum(t[0] for t in times) / 1e9,
                 "jobWaited": sum(t[1] for t in times) / 1e9,
                 "launchWaited": int(launch[1]) / 1e9,
                 "jobMajor": sum(map(host.major_faults, self.job_pids())),
                 "memoryStalled": host.pressure("memory") / 1e6,
                 "ioStalled": host.pressure("io") / 1e6}
        for row in ("NET_RX", "BLOCK"):
            for cpu, count in enumerate(host.softirqs().get(row, [])):
                facts[f"{row}@{cpu}"] = count
        for number, counts, _ in host.interrupts():
            for cpu, count in enumerate(counts):
                facts[f"irq{number}@{cpu}"] = count
        for group in self.groups:
            facts[f"throttled{group.path}"], facts[f"periods{group.path}"] = group.throttled()
            facts[f"limitHits{group.path}"] = group.limit_hits()
        return facts

    def end(self):
        """What happened since `begin`, a second, and what the job says of itself."""
        after = self.read()
        wall = after["at"] - self.before["at"]
        rates = {k: (after[k] - self.before.get(k, 0)) / wall for k in after}
        rates["seconds"] = wall
        rates["strangers"] = rates["machineBusy"] - rates["jobRan"] - rates["faultRan"]
        self.job_process.send_signal(signal.SIGTERM)
        try:
            said = self.job_process.communicate(timeout=3)[0].splitlines()
            rates["job"] = json.loads(said[-1])
        except (subprocess.TimeoutExpired, IndexError, ValueError):
            rates["job"] = {}
        return rates

    # -- the way back ------------------------------------------------------

    def close(self):
        for process in self.processes[::-1]:
            process.kill()
        for process in self.processes:
            process.wait()
        deadline = time.monotonic() + 3
        for group in sorted(self.groups, key=lambda g: -len(g.path)):
            while group.folder.exists():
                try:
                    group.remove()
                except OSError:  # loaders of a killed job take a moment to go
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
        shutil.rmtree(self.folder, ignore_errors=True)
