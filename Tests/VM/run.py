#!/usr/bin/env python3
"""Boots Debian's kernels in QEMU with the release binary inside and tests it there. See README.md."""

import argparse
import collections
import functools
import glob
import json
import os
import pathlib
import shutil
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import archive as archives  # noqa: E402
import checks  # noqa: E402
import daemon_checks  # noqa: E402
import drivers  # noqa: E402
import emulator  # noqa: E402
import gpu_checks  # noqa: E402
import guest as guests  # noqa: E402
import initrd  # noqa: E402
import kernels  # noqa: E402
import machine  # noqa: E402
import scenario as scenarios  # noqa: E402
import soft_roce  # noqa: E402
from host_scenarios import HOST  # noqa: E402
from placement_scenarios import PLACEMENT  # noqa: E402

SERIES = ["6.1", "6.12"]
SHAPES = {shape.nodes: shape for shape in (machine.ONE, machine.TWO, machine.FOUR)}
SCENARIOS = PLACEMENT + HOST
# A boot of its own: Debian's cloud kernels have no soft RoCE.
ROCE = "soft-roce"
# Another, for the whole kernel is locked down.
LOCKDOWN = "lockdown"
MOST_BOOTS = 4  # that die at one place
# One boot for each kernel, with what tells most in the least time.
QUICK = {"nodes": [2], "scenarios": ["well-placed", "far-memory", "quota", LOCKDOWN]}


def parsed():
    names = [s.name for s in SCENARIOS] + [ROCE, LOCKDOWN]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one boot per kernel, few scenarios")
    parser.add_argument("--kernel", action="append", choices=SERIES, help="default: all")
    parser.add_argument("--nodes", action="append", type=int, choices=SHAPES, help="default: all")
    parser.add_argument("--scenario", action="append", choices=names, help="default: all")
    parser.add_argument("--stoker", type=pathlib.Path, default=ROOT / ".build/release/stoker")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".build/vm",
                        help="kernels, disks, reports and logs; default: %(default)s")
    chosen = parser.parse_args()
    chosen.kernel = chosen.kernel or SERIES
    chosen.nodes = chosen.nodes or (QUICK["nodes"] if chosen.quick else list(SHAPES))
    chosen.scenario = chosen.scenario or (QUICK["scenarios"] if chosen.quick else names)
    chosen.work = chosen.work.resolve()
    return chosen


class Tally:
    """Prints each verdict as it falls and remembers the bad ones."""

    def __init__(self):
        self.count, self.bad = 0, []

    def say(self, where, what, state, why, seconds):
        self.count += 1
        if state != "ok":
            self.bad.append(f"{where}: {what}")
        print(f"{state:7}{where:22}{what:20}{seconds:5.0f} s  {why}", flush=True)

    def check(self, where, what, body):
        """A check returns what it found, or None when it does not apply."""
        started = time.monotonic()
        try:
            found = body()
        except scenarios.Missed as error:
            self.say(where, what, "missed", str(error), time.monotonic() - started)
        except scenarios.NotInjected as error:
            self.say(where, what, "broken", str(error), time.monotonic() - started)
        else:
            if found is not None:
                self.say(where, what, "ok", found, time.monotonic() - started)


def examine(qemu, kernel, shape, disk, chosen, tally):
    """Everything on one machine."""
    todo = [("checks", look)] + [(s.name, functools.partial(play, s)) for s in SCENARIOS
                                 if s.name in chosen.scenario and shape.nodes in s.nodes]
    folder = chosen.work / "runs" / f"{kernel.series}-{shape.nodes}"
    work_off(todo, qemu, kernel, shape, disk, folder, tally, f"{kernel.series}, {shape.name}")


def carry(qemu, kernel, disk, chosen, tally):
    """RDMA on one small machine."""
    where = f"{kernel.series}, soft RoCE"

    def transfer(guest, shape, kernel, folder, where, tally):
        tally.check(where, ROCE, lambda: soft_roce.check(guest, shape, kernel, folder))

    work_off([(ROCE, transfer)], qemu, kernel, machine.ONE, disk,
             chosen.work / "runs" / f"{kernel.series}-roce", tally, where)


def lock(qemu, kernel, disk, chosen, tally):
    """A kernel that lets nobody read its memory."""
    where = f"{kernel.series}, locked down"

    def look(guest, shape, kernel, folder, where, tally):
        tally.check(where, LOCKDOWN, lambda: daemon_checks.locked(guest, shape, kernel))

    work_off([(LOCKDOWN, look)], qemu, kernel, machine.ONE, disk,
             chosen.work / "runs" / f"{kernel.series}-locked", tally, where, daemon_checks.LOCKED)


def work_off(todo, qemu, kernel, shape, disk, folder, tally, where, words=""):
    """An emulated guest that stops answering is booted again, and goes on where it was; too often at
    the same place is a failure. The emulator loses timers of a CPU now and then."""
    deaths = collections.Counter()
    while todo:
        try:
            boot(todo, qemu, kernel, shape, disk, folder, tally, where, words)
        except guests.Dead as error:
            name = todo[0][0]
            deaths[name] += 1
            if deaths[name] == MOST_BOOTS:
                tally.say(where, name, "broken", str(error), 0)
                todo.pop(0)
            else:
                print(f"again  {where:22}{name:20}         {error}", flush=True)


def boot(todo, qemu, kernel, shape, disk, folder, tally, where, words):
    """One boot; what is done is taken off `todo`."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "commands.log", "a") as log:
        guest = guests.Guest(machine.command(qemu, shape, kernel, disk, folder, words),
                             folder / "console.log", log)
        try:
            tally.say(where, "boot", "ok", kernel.release, guest.boot_seconds)
            while todo:
                _, action = todo[0]
                action(guest, shape, kernel, folder, where, tally)
                todo.pop(0)
        finally:
            guest.close()


def look(guest, shape, kernel, folder, where, tally):
    for name, body in (("machine", checks.machine), ("load-test", checks.load_test),
                       ("verifier", daemon_checks.verified),
                       ("hot-unplug", daemon_checks.hot_unplug), ("xid", gpu_checks.xids)):
        tally.check(where, name, lambda: body(guest, shape, kernel))
    tally.check(where, "topology", lambda: checks.topology(guest, shape, kernel, folder))


def play(scenario, guest, shape, kernel, folder, where, tally):
    def keep(name, report):
        (folder / f"{name}.json").write_text(json.dumps(report, indent=1))

    started = time.monotonic()
    outcome = scenarios.run(scenario, guest, shape, keep)
    tally.say(where, scenario.name, outcome.state, outcome.why, time.monotonic() - started)


def carriers_of(chosen, archive, programs):
    """Kernels with soft RoCE, and a disk for each."""
    files = [*glob.glob(soft_roce.PROVIDER), soft_roce.DRIVER]
    pairs = []
    for series in chosen.kernel:
        kernel = kernels.fetch(series, archive, soft_roce.FLAVOUR)
        pairs.append((kernel, initrd.build(
            kernel, chosen.stoker, programs, chosen.work / f"initrd-{series}-roce.gz",
            soft_roce.COMMANDS, soft_roce.MODULES, files)))
    return pairs


def main():
    chosen = parsed()
    tally = Tally()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        chosen.work.mkdir(parents=True, exist_ok=True)
        programs = initrd.compiled(chosen.work / "bin")
        archive = archives.Archive(chosen.work)
        archive.update()
        qemu = emulator.command(archive)
        found = [kernels.fetch(series, archive) for series in chosen.kernel]
        disks = [initrd.build(k, chosen.stoker, programs, chosen.work / f"initrd-{k.series}.gz",
                              extra={gpu_checks.MODULE: drivers.built(k, archive, chosen.work)})
                 for k in found]
        carriers = carriers_of(chosen, archive, programs) if ROCE in chosen.scenario else []
    except (archives.Unavailable, initrd.Unbuildable, OSError) as error:
        print(f"virtual machines were NOT tested: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(chosen.work / "runs", ignore_errors=True)
    bodies = [(f"{kernel.series}, {SHAPES[nodes].name}",
               functools.partial(examine, qemu, kernel, SHAPES[nodes], disk, chosen, tally))
              for kernel, disk in zip(found, disks) for nodes in chosen.nodes
              if set(chosen.scenario) - {ROCE, LOCKDOWN}]
    bodies += [(f"{kernel.series}, soft RoCE",
                functools.partial(carry, qemu, kernel, disk, chosen, tally))
               for kernel, disk in carriers]
    if LOCKDOWN in chosen.scenario:
        bodies += [(f"{kernel.series}, locked down",
                    functools.partial(lock, qemu, kernel, disk, chosen, tally))
                   for kernel, disk in zip(found, disks)]
    for where, body in bodies:
        try:
            body()
        except Exception:  # a broken test must not hide the others
            tally.say(where, "test", "broken", traceback.format_exc(), 0)
    for line in tally.bad:
        print(f"FAILED {line}", file=sys.stderr)
    print(f"{tally.count - len(tally.bad)} of {tally.count} as expected; reports and logs are in "
          f"{chosen.work}/runs")
    return 1 if tally.bad or not tally.count else 0


if __name__ == "__main__":
    sys.exit(main())
