#!/usr/bin/env python3
"""What Stoker costs a load, beside nothing, an empty program and Debian's libbpf-tools.

CPU time per operation of each load, in interleaved rounds; only ratios inside one round
are judged, with bootstrap intervals of their median.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import conditions
import diagnosis
import goals
import quiet
import statistics_of_ratios as ratios

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE = 3
BUILT = ROOT / ".build" / "overhead"
OPERATIONS = {"pipe1": 200_000, "perfpipe": 80_000, "fault": 150_000, "udp": 120_000,
              "getppid": 2_000_000, "spin": 400_000_000}
TOUCHES = {  # conditions that are not run with a load, because nothing of theirs occurs in it
    "getppid": {"hardirqs", "softirqs", "cpudist", "runqlat"}, "spin": {"hardirqs", "softirqs",
    "cpudist", "runqlat"}, "perfpipe": {"hardirqs", "softirqs"}, "fault": {"hardirqs", "runqlat",
    "cpudist"}, "udp": {"runqlat", "cpudist"}, "pipe1": set()}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="3 rounds")
    parser.add_argument("--without-stoker", action="store_true",
                        help="loads, intervals and peers alone")
    parser.add_argument("--load", action="append", choices=list(OPERATIONS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def compile_all():
    BUILT.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang")
    flags = [compiler, "-O2", "-Wall"]
    subprocess.run([*flags, "-pthread", "-o", BUILT / "loads", HERE / "loads.c"], check=True)
    subprocess.run([*flags, "-o", BUILT / "empty", HERE / "empty.c", "-lbpf"], check=True)


def load_command(load, cpu):
    if load != "perfpipe":
        return [BUILT / "loads", load, str(OPERATIONS[load]), str(cpu)]
    # The shell waits for the line and then becomes perf: the same pid is watched.
    return ["sh", "-c", f"read _ && exec taskset -c {cpu} perf bench sched pipe -l {OPERATIONS[load]}"]


def measure(load, cpu, commands_for):
    """CPU nanoseconds an operation of a load with something beside it."""
    process = subprocess.Popen(load_command(load, cpu), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        with conditions.Beside(commands_for(process.pid)):
            process.stdin.write("\n")
            process.stdin.flush()
            said = process.stdout.read()
            _, code, use = os.wait4(process.pid, 0)
            process.returncode = code
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()
    if code != 0:
        raise RuntimeError(f"{load} ended with {code}")
    if load == "perfpipe":  # perf counts round trips of two switches; its start is 1-2 % of it
        return (use.ru_utime + use.ru_stime) * 1e9 / OPERATIONS[load] / 2
    return float(said.split()[-1])


def measured_in_peace(load, cpu, commands_for):
    """The same, repeated while strangers use the machine, whatever the figure was."""
    for _ in range(PATIENCE):
        calm = quiet.Watch()
        with quiet.Companion(BUILT, cpu) as companion:
            figure = measure(load, cpu, commands_for)
        if calm.strangers(companion.used) < quiet.MOST:
            break
        quiet.wait()
    return figure


def interleave(options, table):
    """load -> list of rounds, each condition -> ns an operation."""
    rng, cpu = random.Random(options.seed), diagnosis.cpu_of_last()
    loads = options.load or list(OPERATIONS)
    if not shutil.which("perf"):
        loads = [name for name in loads if name != "perfpipe"]
    results = {load: [] for load in loads}
    failed = {}
    for turn in range(options.rounds):
        for load in loads:
            order = [c for c in table if c not in TOUCHES[load] and (load, c) not in failed]
            rng.shuffle(order)
            row = {}
            for name in order:
                try:
                    row[name] = measured_in_peace(load, cpu, table[name])
                except RuntimeError as error:
                    failed[load, name] = str(error)
            results[load].append(row)
        print(f"round {turn + 1}/{options.rounds}", file=sys.stderr, flush=True)
    for (load, name), why in failed.items():
        print(f"left out: {name} on {load}: {why}")
        for row in results[load]:
            row.pop(name, None)
    return results


def show_loads(results):
    for load, rounds in results.items():
        base = sorted(r["none"] for r in rounds)[len(rounds) // 2]
        print(f"\n{load}: {base:.4g} ns of CPU an operation alone, {len(rounds)} rounds")
        for name in sorted(rounds[0]):
            if name == "none":
                continue
            value, low, high = ratios.interval(rounds, ratios.slowdown(name))
            extra, least, most = ratios.interval(rounds, ratios.added(name))
            print(f"  {name:12}{value:+8.1%}  ({low:+.1%} .. {high:+.1%})"
                  f"{extra:+10.1f} ns  ({least:+.1f} .. {most:+.1f})")


def look_at_stoker(stoker, folder):
    """Everything about a diagnosis that is not a paired ratio."""
    cpu, output = diagnosis.cpu_of_last(), folder / "report.json"
    facts = {"diagnosis": diagnosis.whole(stoker, os.getpid(), output)}
    facts["stop"], facts["leftAfterStop"] = diagnosis.stopping(stoker, os.getpid())
    load = [BUILT / "loads", "pipe1", "100000000", str(cpu)]
    command = [stoker, "diagnose", "--duration", "60s", "--pid", str(os.getpid()),
               "--format", "json", "--output", "/dev/null"]
    facts["switch"] = diagnosis.switch_cost(command, load, "sched_switch".__eq__)
    facts["herd"] = diagnosis.herd(stoker, BUILT, cpu, output)
    return facts


def peer_switch_cost():
    """runqlat's whole cost a switch: its wake-up programs belong to it."""
    path = conditions.peers().get("runqlat")
    if not path:
        return None
    load = [BUILT / "loads", "pipe1", "100000000", str(diagnosis.cpu_of_last())]
    return diagnosis.switch_cost([path, "1000"], load, lambda hook: hook.startswith("sched_"))


def main():
    options = arguments()
    options.rounds = 3 if options.quick else options.rounds
    stoker = os.environ.get("STOKER", str(ROOT / ".build" / "release" / "stoker"))
    if os.geteuid() != 0:
        sys.exit("overhead: needs root (probes)")
    if options.without_stoker:
        stoker = None
    elif not os.access(stoker, os.X_OK):
        sys.exit(f"overhead: no {stoker} (build it, set STOKER=, or use --without-stoker)")
    compile_all()
    with tempfile.TemporaryDirectory() as folder:
        facts = look_at_stoker(stoker, pathlib.Path(folder)) if stoker else {}
    facts["runqlatSwitch"] = peer_switch_cost()
    hooks = sorted(set(facts["diagnosis"]["hooks"].values())) if stoker else []
    results = interleave(options, conditions.commands(BUILT, stoker, hooks or conditions.USUAL_HOOKS))
    show_loads(results)
    rows = goals.table(results, facts)
    goals.show(rows, facts)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"rounds": results, "facts": facts, "goals": rows}, indent=1,
            default=lambda v: sorted(v) if isinstance(v, set) else str(v)))
    return 1 if any(r["verdict"] == "not met" for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
