"""Interleaved rounds: what an operation costs with something beside it and without."""
import random
import statistics
import sys

import conditions
import quiet
from load import Load

# Operations of a burst, of about 50 ms, and bursts of a block: without, with, without, with, ...
# A start of perf costs 3-4 % of such a burst, of a shorter one more.
BURSTS = {"pipe1": (30_000, 4), "perfpipe": (160_000, 1), "fault": (40_000, 4),
          "udp": (40_000, 4), "getppid": (500_000, 4), "spin": (150_000_000, 4)}
BESIDE = {  # what is judged, and those of the others for which something happens in the load
    "pipe1": ["none2", "stoker", "stoker-else", "empty", "pertask", "rqhash", "runqlat", "cpudist",
              "four", "sum"],
    "perfpipe": ["none2", "stoker", "stoker-else", "empty", "runqlat", "sum"],
    "fault": ["none2", "stoker", "stoker-else", "empty", "pertask", "sum"],
    "udp": ["none2", "stoker", "stoker-else", "empty", "pertask", "softirqs", "four", "sum"],
    "getppid": ["none2", "stoker"], "spin": ["none2", "stoker"]}
REPEATS = 20  # of disturbed measurements, in a whole run: it must end on a busy machine too


class Rounds:
    """Rows of measurements. A class because it counts failures and disturbances."""

    def __init__(self, built, table, cpu, seed):
        self.built, self.table, self.cpu = built, table, cpu
        self.random = random.Random(seed)
        self.failed, self.taken, self.disturbed, self.repeats = {}, 0, 0, REPEATS

    def row(self, name):
        """One round of one load: condition -> sample; one process works for all of them."""
        operations, count = BURSTS[name]
        order = [c for c in BESIDE[name] if c in self.table and (name, c) not in self.failed]
        self.random.shuffle(order)
        row = {}
        with quiet.Companion(self.built, self.cpu), \
                Load(self.built, name, operations, self.cpu) as load:
            load.burst()  # warms up
            alone = load.bursts(count)
            for condition in order:
                try:
                    row[condition], alone = self.undisturbed(load, condition, count, alone)
                except RuntimeError as error:
                    if load.process.poll() is not None:
                        raise
                    self.failed[name, condition] = str(error)
                    alone = load.bursts(count)
        return row

    def undisturbed(self, load, condition, count, before):
        """(sample, bursts after it), again while strangers use the machine, whatever it was."""
        while True:
            calm, used = quiet.Watch(), load.used
            with conditions.Beside(self.table[condition](load.pid)):
                beside = load.bursts(count)
            after = load.bursts(count)
            quietly = calm.strangers(load.used - used) < quiet.MOST
            if quietly or not self.repeats:
                break
            self.repeats -= 1
            quiet.wait()
            before = load.bursts(count)
        self.taken += 1
        self.disturbed += not quietly
        return sample(before, beside, after), after


def sample(before, beside, after):
    """The costs with and without; that a machine gets slower or faster cancels."""
    return {"beside": statistics.median(beside),
            "alone": (statistics.median(before) + statistics.median(after)) / 2,
            "bursts": [before, beside, after]}


def interleave(rounds, loads, count):
    """load -> list of rows, without the conditions that failed once."""
    results = {load: [] for load in loads}
    for turn in range(count):
        for load in loads:
            results[load].append(rounds.row(load))
        print(f"round {turn + 1}/{count}", file=sys.stderr, flush=True)
    for load, condition in rounds.failed:
        for row in results[load]:
            row.pop(condition, None)
    return results
