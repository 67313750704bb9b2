"""The goals set for the overhead, laid against one run."""
import os

import statistics_of_ratios as ratios

CERTAIN = 0.02  # an A/A interval wider than this to either side allows no verdict


def percent(triple):
    value, low, high = triple
    return f"{value:+.1%}", f"{low:+.1%} .. {high:+.1%}"


def row(number, what, target, measured, interval, verdict):
    return {"goal": number, "what": what, "target": target, "measured": measured,
            "interval": interval, "verdict": verdict}


def met(yes):
    return "met" if yes else "not met"


def steady(rounds):
    """Whether the A/A control of a load lets anything be judged."""
    _, low, high = ratios.interval(rounds, ratios.slowdown("none2"))
    return -CERTAIN <= low <= 0 <= high <= CERTAIN


def judge(rounds, value, limit):
    return met(value <= limit) if steady(rounds) else "no verdict"


def controls(results):
    """An A/A row per load: whether this run may judge it at all."""
    for load, rounds in results.items():
        measured, interval = percent(ratios.interval(rounds, ratios.slowdown("none2")))
        yield row("A/A", f"{load}, nothing against nothing", "contains 0, within 2%", measured,
                  interval, "usable" if steady(rounds) else "unusable")


def relative(results, number, load, limit, peer=None, who="stoker"):
    """Slowdown below a fixed limit, or below a share of a peer's."""
    rounds = results.get(load) or [{}]
    target = f"<= {limit} x {peer}" if peer else f"<= {limit:.0%}"
    if who not in rounds[0] or (peer and peer not in rounds[0]):
        missing = who if who not in rounds[0] else peer
        return row(number, f"{load}, {who}", target, "-", "-", f"not run: no {missing}")
    figure = ratios.share_of(who, peer) if peer else ratios.slowdown(who)
    triple = ratios.interval(rounds, figure)
    measured, interval = (f"{triple[0]:.2f} x", f"{triple[1]:.2f} .. {triple[2]:.2f}") \
        if peer else percent(triple)
    return row(number, f"{load}, {who}", target, measured, interval, judge(rounds, triple[0], limit))


def control_load(results, load):
    rounds = results.get(load) or [{}]
    if "stoker" not in rounds[0]:
        return row(6, f"{load} (control)", "contains 0, median within 1%", "-", "-", "not run: no stoker")
    value, low, high = ratios.interval(rounds, ratios.slowdown("stoker"))
    verdict = met(low <= 0 <= high and abs(value) <= 0.01) if steady(rounds) else "no verdict"
    return row(6, f"{load} (control)", "contains 0, median within 1%",
               *percent((value, low, high)), verdict)


def paired(results):
    for who in ("stoker", "stoker-else"):
        for load in ("pipe1", "perfpipe"):
            yield relative(results, 1, load, 0.08, who=who)
            yield relative(results, 1, load, 0.35, "runqlat", who)
    rounds = results.get("pipe1") or [{}]
    if "stoker" in rounds[0]:
        value, low, high = ratios.interval(rounds, ratios.added("stoker"))
        empty = ratios.interval(rounds, ratios.added("empty"))[0]
        yield row(2, f"ns a switch (empty {empty:+.0f})", "<= 1.3 x f_pertask (102 ns there)",
                  f"{value:+.0f} ns", f"{low:+.0f} .. {high:+.0f}", "not judged: no such peer here")
    yield relative(results, 4, "udp", 1.0, "softirqs")
    yield row(5, "fault", "<= 0.6 x bpftrace's fault count", *(
        percent(ratios.interval(results["fault"], ratios.slowdown("stoker")))
        if "stoker" in (results.get("fault") or [{}])[0] else ("-", "-")), "not judged: no such peer here")
    yield control_load(results, "getppid")
    yield control_load(results, "spin")
    yield relative(results, 13, "pipe1", 0.15)


def milliseconds(value):
    return "-" if value is None else f"{value * 1000:.0f} ms"


def single(facts):
    """Rows about one diagnosis, which are no ratios."""
    one = facts["diagnosis"]
    mine, peer = facts["switch"], facts["runqlatSwitch"]
    if mine and mine[0]:
        yield row(3, "bpf_stats on sched_switch", "<= 100 ns", f"{mine[0]:.0f} ns", "-", met(mine[0] <= 100))
        if peer and peer[0]:
            yield row(3, "the same against runqlat's", "<= 0.45 x", f"{mine[0] / peer[0]:.2f} x",
                      f"runqlat {peer[0]:.0f} ns", met(mine[0] <= 0.45 * peer[0]))
    share, why = facts["herd"]
    yield row(7, "herd of 12,000, waits counted", ">= 0.999", "-" if share is None else f"{share:.4f}",
              "-", f"skipped: {why}" if share is None else met(share >= 0.999))
    limit = (4 << 20) + (64 << 10) * os.cpu_count() + 256 * tasks()
    yield row(8, "kernel memory of maps", f"<= {limit >> 10} KiB", f"{one['mapBytes'] >> 10} KiB", "-",
              met(0 < one["mapBytes"] <= limit) if one["mapBytes"] else "no verdict")
    yield row("issue", "RSS of diagnose, last / peak", "<= 30 MB",
              f"{one['rssKiB'] / 1000:.1f} / {one['peakKiB'] / 1000:.1f} MB", "-",
              met(0 < one["rssKiB"] * 1.024 <= 30_000))
    yield row(12, "start to probes on", "<= 250 ms", milliseconds(one["ready"]), "-",
              met((one["ready"] or 9) <= 0.25))
    yield row(12, "interrupt to end", "<= 250 ms", milliseconds(facts["stop"]), "-",
              met((facts["stop"] or 9) <= 0.25))
    yield row(12, "programs left after exit", "0", f"{one['programsLeft']} of {len(one['programs'])}",
              "-", met(one["programs"] and not one["programsLeft"] and facts["leftAfterStop"] == 0))
    yield row(13, "wall of a 10 s diagnosis", "9.5 .. 10.5 s (issue: <= 11)", f"{one['wall']:.2f} s", "-",
              met(9.5 <= one["wall"] <= 10.5))
    yield row(13, "user CPU of it", "<= 0.5 s", f"{one['userSeconds']:.2f} s", "-",
              met(one["userSeconds"] <= 0.5))


def tasks():
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].split("/")[1])


def table(results, facts):
    rows = [*controls(results), *paired(results)]
    return rows + (list(single(facts)) if "diagnosis" in facts else [])


def show(rows, facts):
    print(f"\n{'goal':6}{'what':36}{'target':36}{'measured':18}{'95 % interval':22}verdict")
    for r in rows:
        print(f"{str(r['goal']):6}{r['what']:36}{r['target']:36}{r['measured']:18}"
              f"{r['interval']:22}{r['verdict']}")
    peer = facts.get("runqlatSwitch")
    if peer and peer[0]:
        print(f"\nrunqlat by bpf_stats: {peer[0]:.0f} ns an event, {peer[1]:.0f} events/s")
    one = facts.get("diagnosis")
    if one:
        print(f"stoker: {len(one['programs'])} programs on {sorted(set(one['hooks'].values()))}, "
              f"{one['otherHooks']} links elsewhere; exit {one['exit']} {one['stderr']}")
