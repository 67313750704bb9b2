"""The daemon in a guest: CPUs that go and come back under it, what its programs cost the verifier,
and a kernel that is locked down."""

import json
import pathlib
import re

from guest import Trouble
from scenario import Missed

ADDRESS = "127.0.0.1:19941"
COUNTS = pathlib.Path(__file__).with_name("verified.json")
# Judgement: compilers and kernels of one series differ by less; a loop that was added does not.
GROWTH = 1.25
# Of a kernel under lockdown=confidentiality: probes may not read its memory.
LOCKED = "lockdown=confidentiality"


class Daemon:
    """A daemon in the guest, gone with the block."""

    def __init__(self, guest):
        self.guest = guest

    def __enter__(self):
        said = self.guest.do(f"stoker daemon --listen {ADDRESS} --set history.enabled=false "
                             ">/tmp/daemon.log 2>&1 & echo $!")
        self.pid = int(said)
        self.wait(lambda: not self.guest.type(f"wget -q -O /dev/null http://{ADDRESS}/readyz").status,
                  "is not ready")
        return self

    def __exit__(self, *_):
        if self.guest.lives:
            self.guest.type(f"kill -9 {self.pid}")

    def wait(self, condition, what, tries=60):
        for _ in range(tries):
            if condition():
                return
            self.guest.do("sleep 0.5")
        raise Missed(f"the daemon {what}: {self.guest.read('/tmp/daemon.log')[-500:]}")

    def get(self, path):
        answer = self.guest.type(f"wget -q -O - http://{ADDRESS}{path}")
        if answer.status:
            raise Missed(f"no answer to {path}: {self.guest.read('/tmp/daemon.log')[-500:]}")
        return answer.out

    def counters(self):
        """Every counter by its series."""
        lines = [line.rsplit(" ", 1) for line in self.get("/metrics").splitlines()]
        return {name: float(value) for name, value in lines if name[0] != "#" and "_total" in name}

    def ticks(self, count):
        begin = self.counters()["stoker_self_ticks_total"]
        self.wait(lambda: self.counters()["stoker_self_ticks_total"] >= begin + count, "stands still")


def set_online(guest, cpus, state):
    for cpu in cpus:
        guest.do(f"echo {state} > /sys/devices/system/cpu/cpu{cpu}/online")


def hot_unplug(guest, shape, kernel):
    """CPUs go and come back: the daemon goes on, and no counter runs backwards."""
    cpus = [shape.cpus - 1, shape.cpus - 2, 1]
    with Daemon(guest) as daemon:
        daemon.ticks(3)
        seen = [daemon.counters()]
        try:
            for state in (0, 1, 0):
                set_online(guest, cpus, state)
                daemon.ticks(3)
                seen.append(daemon.counters())
            expect_report(daemon, shape.cpus - len(cpus))
        finally:
            set_online(guest, cpus, 1)
        daemon.ticks(3)
        seen.append(daemon.counters())
        expect_report(daemon, shape.cpus)
    for before, after in zip(seen, seen[1:]):
        fallen = [name for name in before if after.get(name, before[name]) < before[name]]
        if fallen:
            raise Missed(f"counters ran backwards: {fallen[:3]}")
    return f"CPUs {cpus} twice away, {len(seen[0])} counters"


def expect_report(daemon, online):
    report = json.loads(daemon.get("/report?format=json"))
    (sched,) = [row for row in report["coverage"] if row["signal"] == "sched"]
    if sched["state"] != "ok":
        raise Missed(f"sched is {sched['state']}: {sched['reason']}")
    if (told := report["host"]["cpus"]) != online:
        raise Missed(f"{told} CPUs, not {online}")


def verified(guest, shape, kernel):
    """Instructions that the verifier walked through, against those that were recorded."""
    with Daemon(guest) as daemon:
        text = guest.do(f"cat /proc/{daemon.pid}/fdinfo/* 2>/dev/null; true")
    counts = [int(n) for n in re.findall(r"verified_insns:\s+(\d+)", text)]
    now = {"programs": len(counts), "sum": sum(counts), "most": max(counts, default=0)}
    known = json.loads(COUNTS.read_text()).get(kernel.series)
    if not known:
        raise Missed(f"nothing recorded for {kernel.series} in {COUNTS.name}; it is {now}")
    grown = [name for name in now if now[name] > known[name] * GROWTH]
    if grown or now["programs"] < known["programs"]:
        raise Missed(f"{now}, recorded {known}: record it in {COUNTS.name} if it must be so")
    return f"{now['programs']} programs, {now['sum']} instructions, at most {now['most']} in one"


def locked(guest, shape, kernel):
    """Probes are refused, and the reason is told; the rest is measured."""
    state = guest.read("/sys/kernel/security/lockdown")
    if "[confidentiality]" not in state:
        raise Trouble(f"not locked down: {state}")
    answer = guest.type("stoker check")
    if answer.status != 2 or "refused" not in answer.out or "lockdown" not in answer.out:
        raise Missed(f"check: status {answer.status}: {answer.out[-1500:]}{answer.err}")
    answer = guest.type("stoker diagnose --duration 2s --format json")
    if answer.status not in (0, 1):
        raise Missed(f"diagnose: status {answer.status}: {answer.err.strip()}")
    coverage = {row["signal"]: row for row in json.loads(answer.out)["coverage"]}
    if coverage["sched"]["state"] != "degraded" or "lockdown" not in coverage["sched"]["reason"]:
        raise Missed(f"sched: {coverage['sched']}")
    if coverage["vmstat"]["state"] != "ok":
        raise Missed(f"vmstat: {coverage['vmstat']}")
    with Daemon(guest) as daemon:
        daemon.ticks(2)
    return coverage["sched"]["reason"][:70]
