#!/usr/bin/env python3
"""Injects faults into a stand-in training job and checks what Stoker names first."""
import argparse
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import faults
import host
import scene as scenes

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOUD = ("warning", "critical")


def seconds(text):
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60)):
        if text.endswith(unit):
            return float(text[:-len(unit)]) * factor
    return float(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--only", action="append", choices=list(faults.ALL), metavar="NAME")
    parser.add_argument("--duration", default="10s")
    parser.add_argument("--json", metavar="FILE", help="write everything there")
    parser.add_argument("--dry-run", "--faults-only", action="store_true",
                        help="no stoker: show by independent counters that each fault acts")
    parser.add_argument("--quiet-wait", type=float, default=60, metavar="SECONDS",
                        help="before each run wait so long for other work to end")
    parser.add_argument("--seed", default="1")
    return parser.parse_args()


def diagnose(stoker, pid, duration, folder):
    """(findings, error)"""
    output = folder / "report.json"
    command = [stoker, "diagnose", "--duration", duration, "--pid", str(pid),
               "--format", "json", "--output", str(output)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True,
                               timeout=seconds(duration) + 20)
        if ended.returncode not in (0, 1):
            return None, f"exit {ended.returncode}: {ended.stderr.strip()[:200]}"
        return json.loads(output.read_text()), None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return None, str(error)[:200]


def children_used():
    """CPU seconds of ended children: inside a run that is stoker alone."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def judge(expected, report, error):
    if error:
        return {"named": "error", "hit": False, "culpritRight": False, "why": error}
    findings = report.get("findings", [])
    loud = [f for f in findings if f.get("severity") in LOUD]
    if not expected.causes:
        first = loud[0]["cause"] if loud else "none"
        return {"named": first, "hit": not loud, "culpritRight": not loud,
                "why": "" if not loud else loud[0].get("summary", "")}
    first = findings[0] if findings else {}
    named = first.get("cause", "none")
    hit = named in expected.causes and first.get("severity") in LOUD
    return {"named": named, "hit": hit, "culpritRight": hit and expected.right(first),
            "why": f"{first.get('severity')} {first.get('culprit')} {first.get('summary', '')}"}


DISTURBED = 0.6  # CPUs used by strangers; softirq work of a fault itself stays below it


def undisturbed(name, turn, options, stoker):
    """Repeats a run that strangers spoilt, whatever its outcome was."""
    for _ in range(3):
        host.wait_until_quiet(options.quiet_wait)
        record = one(name, turn, options, stoker)
        record["disturbed"] = record.get("counters", {}).get("strangers", 0) > DISTURBED
        if not record["disturbed"]:
            break
    return record


def one(name, turn, options, stoker):
    rng = host.seed(f"{options.seed}/{name}/{turn}")
    scene = scenes.Scene(rng)
    record = {"fault": name, "turn": turn}
    try:
        expected = faults.ALL[name](scene)
        record["strength"] = expected.strength
        time.sleep(0.3)
        used = children_used()
        scene.begin()
        if options.dry_run:
            time.sleep(seconds(options.duration))
        else:
            report, error = diagnose(stoker, scene.job_process.pid, options.duration, scene.folder)
        stoker_used = children_used() - used
        measured = scene.end()
        measured["strangers"] -= stoker_used / measured["seconds"]
        try:
            record["bites"], record["measured"] = expected.bites(measured)
        except KeyError as missing:
            record["bites"], record["measured"] = False, f"nothing measured: {missing}"
        record["counters"] = measured
        # Processes that are none of ours can spoil a run on a shared machine: say so.
        record["measured"] += f" (strangers used {measured['strangers']:.2f} CPU)"
        if not options.dry_run:
            record |= judge(expected, report, error)
            record["report"] = report
            record["loud"] = [f"{f['cause']} ({f.get('culprit', {}) and f['culprit'].get('name')})"
                              for f in (report or {}).get("findings", [])
                              if f.get("severity") in LOUD]
    except OSError as error:
        record |= {"named": "error", "hit": False, "culpritRight": False, "bites": False,
                   "measured": f"could not be arranged: {error}", "why": str(error)}
    finally:
        scene.close()
    return record


def show_dry(records):
    print(f"{'fault':20}{'bites':>7}  last run")
    for name in dict.fromkeys(r["fault"] for r in records):
        own = [r for r in records if r["fault"] == name]
        print(f"{name:20}{sum(r['bites'] for r in own):>4}/{len(own):<2}  "
              f"{own[-1].get('strength', '')}: {own[-1]['measured']}")


def show(records):
    columns = sorted({r["named"] for r in records})
    print("\nfirst cause named (rows: injected)")
    print(f"{'':20}" + "".join(f"{c[:14]:>15}" for c in columns) + "   right  culprit")
    for name in dict.fromkeys(r["fault"] for r in records):
        own = [r for r in records if r["fault"] == name]
        counts = [sum(r["named"] == c for r in own) for c in columns]
        print(f"{name:20}" + "".join(f"{c or '.':>15}" for c in counts)
              + f"{sum(r['hit'] for r in own):>5}/{len(own)}"
              + f"{sum(r['culpritRight'] for r in own):>6}/{len(own)}")
        also = sorted({w for r in own for w in r.get("loud", [])[1:]})
        if also and name != "healthy":
            print(f"{'':20}also raised: {', '.join(also)[:200]}")
    misses = [r for r in records if not r["culpritRight"]]
    for r in misses:
        acted = "" if r["bites"] else " [by independent counters the injection was weak]"
        acted += " [disturbed by other work on this machine]" if r.get("disturbed") else ""
        print(f"\nmiss: {r['fault']} #{r['turn']} ({r.get('strength', '')}){acted}\n"
              f"  said: {r['named']} {r['why']}\n  counters: {r['measured']}")


def main():
    options = arguments()
    stoker = os.environ.get("STOKER", str(ROOT / ".build" / "release" / "stoker"))
    if os.geteuid() != 0:
        sys.exit("accuracy: needs root (cgroups, namespaces, affinity of others)")
    if len(host.cpus()) < 2:
        sys.exit("accuracy: needs two CPUs")
    if not options.dry_run and not os.access(stoker, os.X_OK):
        sys.exit(f"accuracy: no {stoker} (build it, set STOKER=, or use --dry-run)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scenes.compile_all()
    records = []
    try:
        for name in options.only or faults.ALL:
            for turn in range(options.repeat):
                records.append(undisturbed(name, turn, options, stoker))
                r = records[-1]
                said = f"{r['named']:22}{'ok ' if r['culpritRight'] else 'MISS'}" if "named" in r else ""
                print(f"{name:18} #{turn:<2} {said} {r['measured']}", flush=True)
    except KeyboardInterrupt:
        print("interrupted")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(records, indent=1))
    (show_dry if options.dry_run else show)(records)
    good = all(r["bites"] if options.dry_run else r["culpritRight"] for r in records)
    return 0 if good and records else 1


if __name__ == "__main__":
    sys.exit(main())
