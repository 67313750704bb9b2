#!/usr/bin/env python3
"""What stalls of the host cost GPUs, end to end: a real job whose GPUs are arithmetic (Tests/GPU),
told to Stoker by the fake of NVML (Tests/NVML), with real faults on real launch threads. Needs
root, kernel probes and two CPUs."""

import contextlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STOKER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/debug/stoker").resolve()
LIBRARY = ROOT / ".build/nvml/r9999/libnvidia-ml.so.1"
JOB = ROOT / ".build/nvml/job"
BUSES = ["1b", "43", "52", "61", "9d", "c3", "d1", "df"]
VICTIM = 3
LAUNCH, WORK = 1000, 20_000  # µs
SECONDS = 10
ENOUGH = 0.02  # a share of a GPU's time that is worth a word


class Wrong(Exception):
    """What the report should have said."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def address(number):
    return f"0000:{BUSES[number]}:00.0"


class Job:
    """Ranks and their GPUs. The victim has a CPU for itself, so that it can be hit alone."""

    def __init__(self, folder, count=8, victim=VICTIM, options=(), others=()):
        self.folder, self.count, self.victim = folder, count, victim
        self.options, self.others = options, others
        self.processes = []

    def __enter__(self):
        state, busy = self.folder / "state", self.folder / "busy"
        for old in (state, busy):
            old.unlink(missing_ok=True)
        self.start([JOB, "hardware", state, busy, self.count])
        for number in range(self.count):
            isolated = number == self.victim
            self.start([
                "nice", "-n", "-5", "taskset", "-c", "1" if isolated else "0", JOB, "rank", state,
                number, LAUNCH, WORK, *(self.options if isolated else self.others)])
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()

    def start(self, words):
        self.processes.append(subprocess.Popen([str(word) for word in words]))

    @property
    def ranks(self):
        return [process.pid for process in self.processes[1:1 + self.count]]

    def busy(self):
        """ns that each GPU has been busy so far."""
        raw = (self.folder / "busy").read_bytes()
        return struct.unpack(f"<{self.count}Q", raw[:8 * self.count])

    def scenario(self, lines):
        path = self.folder / "scenario"
        gpus = [
            f"gpu {n} pci={address(n)} name=NVIDIA_H100 uuid=GPU-{n} pids={pid} "
            f"progress={self.folder}/busy:{n}" for n, pid in enumerate(self.ranks)]
        path.write_text("\n".join(["driver 570.86.15", *gpus, *lines]) + "\n")
        return path


class FedJob(Job):
    """The victim's batches come from a process of its own, which has the CPU for itself."""

    def __init__(self, folder):
        super().__init__(folder, options=["fed=5000,1"])

    def start(self, words):
        # The rank shares the other CPU with its peers: only its loader is alone.
        if "fed=5000,1" in words:
            words = ["0" if word == "1" and words[index - 1] == "-c" else word
                     for index, word in enumerate(words)]
        super().start(words)


@contextlib.contextmanager
def hog(strength=-20):
    """Takes the victim's CPU for most of the time."""
    process = subprocess.Popen(
        ["nice", "-n", str(strength), "taskset", "-c", "1", "stress-ng", "--cpu", "1", "--quiet"])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def look(job, lines=()):
    """(report, share of the time that each GPU really idled meanwhile)."""
    time.sleep(1)
    environment = dict(
        os.environ, FAKE_NVML=str(job.scenario(lines)), STOKER_NVML=str(LIBRARY))
    before, began = job.busy(), time.monotonic_ns()
    done = subprocess.run(
        ["nice", "-n", "-10", str(STOKER), "diagnose", "--duration", f"{SECONDS}s", "--format", "json"],
        env=environment, capture_output=True, text=True, timeout=SECONDS + 30)
    after, took = job.busy(), time.monotonic_ns() - began
    expect(done.returncode in (0, 1), f"ended with {done.returncode}: {done.stderr}")
    idle = [max(0, 1 - (new - old) / took) for old, new in zip(before, after)]
    return json.loads(done.stdout), idle


def warnings(report):
    return [f for f in report["findings"] if f["severity"] != "info"]


def gpu(report, number):
    return next(g for g in report["gpus"] if g["address"] == address(number))


def expect_no_blame(report, numbers):
    for number in numbers:
        found = gpu(report, number)
        expect(found["hostShare"] < 0.01, f"GPU {number} was not held up: {found}")


def expect_hog(report, idle, number):
    """The hog first, with 80 to 120 % of what it really cost."""
    first = report["findings"][0]
    expect(first["rule"] == "noisy-neighbour", f"first: {first['summary']}")
    expect("stress-ng" in first["culprit"]["name"], f"culprit: {first['culprit']}")
    expect(idle[number] > 0.1, f"the hog cost too little to be judged: {idle[number]:.3f}")
    share = sum(p["idleShare"] for p in gpu(report, number)["parts"]
                if p["rule"] == "noisy-neighbour") / idle[number]
    expect(0.8 <= share <= 1.2, f"{share:.2f} of the true idle time {idle[number]:.3f}")
    return f"{share:.0%} of {idle[number]:.1%} idle"


def healthy(folder):
    with Job(folder) as job:
        report, idle = look(job)
    expect(not warnings(report), f"{warnings(report)}")
    expect(report["verdict"] == "healthy", report["verdict"])
    expect(len(report["training"]) == 8, "eight ranks")
    expect_no_blame(report, range(8))
    return f"idle at most {max(idle):.1%}"


def hog_on_one_of_eight(folder):
    with Job(folder) as job, hog():
        report, idle = look(job)
    expect(report["verdict"] == "host-bound", report["verdict"])
    expect_no_blame(report, set(range(8)) - {VICTIM})
    return expect_hog(report, idle, VICTIM)


def hog_on_the_only_one(folder):
    with Job(folder, count=1, victim=0) as job, hog():
        report, idle = look(job)
    return expect_hog(report, idle, 0)


def pause_of_the_program(folder):
    """As a garbage collection: 200 ms in every 500 the launch thread computes for itself."""
    with Job(folder, options=["pause=500,200"]) as job:
        report, idle = look(job)
    expect(not warnings(report), f"{warnings(report)}")
    expect(report["verdict"] == "not-host", report["verdict"])
    expect_no_blame(report, range(8))
    expect(idle[VICTIM] > 0.1, f"the pause cost too little to be judged: {idle}")
    gap = [f for f in report["findings"] if f["rule"] == "python-gc-launch-gap"]
    expect([f["culprit"]["id"] for f in gap] == [address(VICTIM)], f"{report['findings']}")
    share = gpu(report, VICTIM)["programShare"] / idle[VICTIM]
    expect(0.8 <= share <= 1.2, f"{share:.2f} of {idle[VICTIM]:.3f}")
    return f"{share:.0%} of {idle[VICTIM]:.1%} idle"


def expect_trouble(report, rule, number):
    """That one GPU is in trouble, and nothing is the host's fault."""
    expect([f["rule"] for f in warnings(report)] == [rule], f"{warnings(report)}")
    expect(warnings(report)[0]["culprit"]["id"] == address(number), f"{warnings(report)}")
    expect(report["verdict"] == "not-host", report["verdict"])
    expect_no_blame(report, set(range(8)) - {number})
    return warnings(report)[0]["summary"]


HOT = "set gpu=5 reasons=0x60 policy_thermal=0.4 temp=91"


def hot_gpu(folder):
    with Job(folder) as job:
        report, _ = look(job, [HOT])
    expect_no_blame(report, [5])
    return expect_trouble(report, "gpu-thermal", 5)


def hog_beside_a_hot_gpu(folder):
    with Job(folder) as job, hog():
        report, idle = look(job, [HOT])
    rules = {f["rule"] for f in warnings(report)}
    expect({"noisy-neighbour", "gpu-thermal"} <= rules, f"{rules}")
    expect_no_blame(report, set(range(8)) - {VICTIM})
    found = gpu(report, VICTIM)
    total = found["hostShare"] + found["programShare"] + found["unexplainedShare"]
    expect(total <= found["idleShare"] + 1e-9, f"{found}")
    share = found["hostShare"] / idle[VICTIM]
    expect(0.8 <= share <= 1.2, f"{share:.2f} of {idle[VICTIM]:.3f}")
    return f"{share:.0%} of {idle[VICTIM]:.1%} idle"


def hog_on_one_of_eight_that_wait_for_it(folder):
    """All GPUs idle for the one rank that is late, and are charged to what holds it up, although
    the other ranks get in each other's way a little: seven of them share a CPU."""
    options = [f"sync={8}"]
    with Job(folder, options=options, others=options) as job, hog():
        report, idle = look(job)
    expect_hog(report, idle, VICTIM)
    shares = []
    for number in range(8):
        parts = gpu(report, number)["parts"]
        expect([p["rule"] for p in parts] == ["noisy-neighbour"], f"GPU {number}: {parts}")
        shares.append(parts[0]["idleShare"] / idle[number])
    expect(0.8 <= min(shares) and max(shares) <= 1.2, f"{shares}")
    steps = [rank["stepMilliseconds"] for rank in report["training"]]
    expect(not any(steps), f"the pace is the hog's, not the program's: {steps}")
    return f"{min(shares):.0%} to {max(shares):.0%} of {idle[VICTIM]:.1%} idle each"


def hog_on_a_loader(folder):
    """The launch thread loses nothing: it waits for a batch that is late."""
    with FedJob(folder) as job, hog():
        report, idle = look(job)
    expect_no_blame(report, set(range(8)) - {VICTIM})
    return expect_hog(report, idle, VICTIM)


def driver_that_answers_late(folder):
    """The driver is slow to tell who computes on one GPU: its rank is watched from then on."""
    late = "call fn=nvmlDeviceGetComputeRunningProcesses_v3 gpu=3 delay_ms=4000"
    with Job(folder) as job:
        report, _ = look(job, [late])
        ranks = {process["pid"] for process in report["training"]}
        expect(ranks == set(job.ranks), f"{ranks} of {job.ranks}")
    expect_no_blame(report, range(8))
    return f"{len(ranks)} ranks"


def capped_gpu(folder):
    with Job(folder) as job:
        report, _ = look(job, ["set gpu=5 reasons=0x4 policy_power=0.9 limit=400000"])
    expect_no_blame(report, [5])
    return expect_trouble(report, "gpu-power-cap", 5)


def half_a_link(folder):
    with Job(folder) as job:
        report, _ = look(job, ["set gpu=5 width=8"])
    found = [f for f in report["findings"] if f["rule"] == "pcie-link-degraded"]
    expect([f["culprit"]["id"] for f in found] == [address(5)], f"{report['findings']}")
    expect(report["verdict"] in ("not-host", "healthy"), report["verdict"])
    expect_no_blame(report, range(8))
    return found[0]["summary"]


def lost_gpu(folder):
    with Job(folder) as job:
        report, _ = look(job, ["call fn=* gpu=5 t=5 ret=15"])
    return expect_trouble(report, "gpu-ecc-remap-xid", 5)


SCENES = [
    healthy, hog_on_one_of_eight, hog_on_the_only_one, hog_on_one_of_eight_that_wait_for_it,
    hog_on_a_loader, pause_of_the_program, hot_gpu, driver_that_answers_late,
    capped_gpu, half_a_link, lost_gpu,
    hog_beside_a_hot_gpu]


def why_not():
    if os.geteuid() != 0:
        return "not root"
    if (os.cpu_count() or 1) < 2:
        return "fewer than two CPUs"
    missing = [name for name in ("stress-ng", "taskset", "cc") if not shutil.which(name)]
    return f"{', '.join(missing)} not installed" if missing else None


def build():
    subprocess.run([str(ROOT / "Tests/NVML/build.sh")], check=True)
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(JOB),
                    str(ROOT / "Tests/GPU/job.c")], check=True)


def main():
    reason = why_not()
    if reason:
        print(f"skipped what stalls cost GPUs: {reason}")
        return 1 if os.environ.get("STOKER_TEST_PROBES") == "1" else 0
    build()
    failed = 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        for scene in SCENES:
            name = scene.__name__.replace("_", " ")
            try:
                print(f"ok      {name}: {scene(pathlib.Path(folder))}", flush=True)
            except Wrong as wrong:
                failed += 1
                print(f"FAILED  {name}: {wrong}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
