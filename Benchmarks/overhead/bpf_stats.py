"""What a switch costs by the kernel's own run-time counters, and how that grows with threads."""
import random
import time

import conditions
import probes
from load import Load

WARM, WINDOW = 0.5, 0.8  # s; a token is round a ring of 10,000 in about 30 ms
SIZES = [2, 100, 1000, 10_000]
TURNS = 3
HOOKS = {  # runqlat's programs on wake-ups are part of what a switch costs with it
    "stoker": "sched_switch".__eq__, "pertask": "sched_switch".__eq__,
    "runqlat": lambda hook: hook.startswith("sched_")}


def cost(commands, on_switch):
    """(ns an event, events a second) of programs that `on_switch` picks by their hooks."""
    with probes.Stats(), conditions.Beside(commands) as beside:
        found, _ = probes.hooks(beside.programs())
        own = {program for program, hook in found.items() if on_switch(hook)}
        time.sleep(WARM)
        started, before = time.monotonic(), probes.Stats.read(own)
        time.sleep(WINDOW)
        took, after = time.monotonic() - started, probes.Stats.read(own)
    spent = sum(after[n][0] - before[n][0] for n in own)
    events = sum(after[n][1] - before[n][1] for n in own)
    return (spent / events, events / took) if events else None


def of_pipe(table, built, cpu):
    """Who -> cost while two threads switch."""
    with Load(built, "pipe1", 1 << 40, cpu) as load:
        load.begin()
        return {who: cost(table[who](load.pid), hook) for who, hook in HOOKS.items()
                if who in table}


def growth(table, built, cpu, seed):
    """(who -> size -> ns an event in each turn, size -> why it could not be had)."""
    rng, sides = random.Random(seed), [who for who in HOOKS if who in table]
    found, missing = {who: {size: [] for size in SIZES} for who in sides}, {}
    for _ in range(TURNS):
        for size in SIZES:
            rng.shuffle(sides)
            try:
                with Load(built, "ring", size, cpu) as ring:
                    ring.begin()
                    for who in sides:
                        measured = cost(table[who](ring.pid), HOOKS[who])
                        if measured:
                            found[who][size].append(measured[0])
            except RuntimeError as error:
                missing[size] = str(error)
    return found, missing
