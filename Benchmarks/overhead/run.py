#!/usr/bin/env python3
"""What Stoker costs a load, beside nothing, an empty program and its peers.

CPU time per operation of each load, in interleaved rounds; only ratios inside one round
are judged, with bootstrap intervals of their median.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

import bpf_stats
import build
import conditions
import diagnosis
import goals
import measure
import statistics_of_ratios as ratios

BUILT = build.ROOT / ".build" / "overhead"
ROUNDS, QUICK = 14, 3  # the first take about 10 minutes, with everything else


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} rounds")
    parser.add_argument("--without-stoker", action="store_true",
                        help="loads, intervals and peers alone")
    parser.add_argument("--load", action="append", choices=list(measure.BURSTS))
    parser.add_argument("--only-rounds", action="store_true",
                        help="without growth and the look at one diagnosis")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def look_at_stoker(stoker, folder):
    """Everything about a diagnosis that neither is a ratio nor needs a peer."""
    output = folder / "report.json"
    facts = {"diagnosis": diagnosis.whole(stoker, os.getpid(), output)}
    facts["stop"], facts["leftAfterStop"] = diagnosis.stopping(stoker, os.getpid())
    facts["herd"] = diagnosis.herd(stoker, BUILT, diagnosis.cpu_of_last(), output)
    return facts


def look_closer(options, stoker):
    """(facts, the hooks that Stoker uses here)."""
    facts, hooks = {}, conditions.USUAL_HOOKS
    if stoker:
        with tempfile.TemporaryDirectory() as folder:
            facts = look_at_stoker(stoker, pathlib.Path(folder))
        hooks = sorted(set(facts["diagnosis"]["hooks"].values())) or hooks
    table, _ = conditions.commands(BUILT, stoker, hooks)
    cpu = diagnosis.cpu_of_last()
    facts["switch"] = bpf_stats.of_pipe(table, BUILT, cpu)
    facts["growth"] = bpf_stats.growth(table, BUILT, cpu, options.seed)
    return facts, hooks


def take_rounds(options, table):
    """load -> rows of samples; says what was left out."""
    loads = options.load or list(measure.BURSTS)
    if not shutil.which("perf") and "perfpipe" in loads:
        loads.remove("perfpipe")
        print("left out: perfpipe: perf not installed")
    rounds = measure.Rounds(BUILT, table, diagnosis.cpu_of_last(), options.seed)
    results = measure.interleave(rounds, loads, options.rounds)
    for (load, condition), why in rounds.failed.items():
        print(f"left out: {condition} on {load}: {why}")
    print(f"{rounds.disturbed} of {rounds.taken} measurements were disturbed by other work and "
          f"kept, {measure.REPEATS - rounds.repeats} were taken again for it")
    return results


def show_loads(results):
    for load, rounds in results.items():
        base = statistics.median(r["none2"]["alone"] for r in rounds)
        print(f"\n{load}: {base:.4g} ns of CPU an operation alone, {len(rounds)} rounds")
        for name in sorted(rounds[0]):
            value, low, high = ratios.interval(rounds, ratios.slowdown(name))
            extra, least, most = ratios.interval(rounds, ratios.added(name))
            print(f"  {name:12}{value:+8.1%}  ({low:+.1%} .. {high:+.1%})"
                  f"{extra:+10.1f} ns  ({least:+.1f} .. {most:+.1f})")


def main():
    options = arguments()
    options.rounds = QUICK if options.quick else options.rounds
    stoker = os.environ.get("STOKER", str(build.ROOT / ".build" / "release" / "stoker"))
    if os.geteuid() != 0:
        sys.exit("overhead: needs root (probes)")
    if options.without_stoker:
        stoker = None
    elif not os.access(stoker, os.X_OK):
        sys.exit(f"overhead: no {stoker} (build it, set STOKER=, or use --without-stoker)")
    build.compile_all(BUILT)
    facts, hooks = ({}, conditions.USUAL_HOOKS) if options.only_rounds \
        else look_closer(options, stoker)
    table, missing = conditions.commands(BUILT, stoker, hooks)
    for name, why in missing.items():
        print(f"left out: {name}: {why}")
    results = take_rounds(options, table)
    show_loads(results)
    rows = goals.table(results, facts)
    goals.show(rows, facts)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"rounds": results, "facts": facts, "goals": rows}, indent=1,
            default=lambda v: sorted(v) if isinstance(v, set) else str(v)))
    return 1 if any(r["verdict"].startswith("not met") for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
