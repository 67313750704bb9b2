"""What one diagnosis costs by itself: time, memory, programs, and the herd."""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import threading
import time

import probes


def status_kib(pid, key):
    try:
        found = re.search(rf"^{key}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) if found else None


def begin(stoker, duration, pid, output):
    return subprocess.Popen([stoker, "diagnose", "--duration", duration, "--pid", str(pid),
                             "--format", "json", "--output", str(output)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def whole(stoker, pid, output, duration=10):
    """A diagnosis from start to end, watched from outside."""
    links, started = probes.ids(probes.NEXT_LINK), time.monotonic()
    process = begin(stoker, f"{duration}s", pid, output)
    facts = {"ready": probes.wait_attached(links, started)}
    facts["programs"], facts["mapBytes"] = probes.held(process.pid)
    facts["hooks"], facts["otherHooks"] = probes.hooks(facts["programs"])
    bpftool_used = resource.getrusage(resource.RUSAGE_CHILDREN)
    watcher = threading.Thread(target=watch_memory, args=(process, facts))
    watcher.start()
    facts["stderr"] = process.communicate()[1].strip()[:200]
    facts["wall"] = time.monotonic() - started
    watcher.join()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts["userSeconds"] = ended.ru_utime - bpftool_used.ru_utime
    facts["systemSeconds"] = ended.ru_stime - bpftool_used.ru_stime
    facts["exit"] = process.returncode
    time.sleep(0.25)
    facts["programsLeft"] = len(facts["programs"] & probes.ids(probes.NEXT_PROGRAM))
    return facts


def watch_memory(process, facts):
    facts["rssKiB"], facts["peakKiB"] = 0, 0
    while process.poll() is None:
        facts["rssKiB"] = status_kib(process.pid, "VmRSS") or facts["rssKiB"]
        facts["peakKiB"] = status_kib(process.pid, "VmHWM") or facts["peakKiB"]
        time.sleep(0.05)


def stopping(stoker, pid):
    """Seconds from an interrupt to the end, and the programs left."""
    links = probes.ids(probes.NEXT_LINK)
    process = begin(stoker, "60s", pid, "/dev/null")
    probes.wait_attached(links, time.monotonic())
    own, _ = probes.held(process.pid)
    time.sleep(0.5)
    at = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, None
    took = time.monotonic() - at
    time.sleep(0.25)
    return took, len(own & probes.ids(probes.NEXT_PROGRAM))


def switch_cost(command, load, on_switch, seconds=2.0):
    """bpf_stats of the programs that `on_switch` picks while a load runs: ns an event, events."""
    links = probes.ids(probes.NEXT_LINK)
    with probes.Stats():
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if probes.wait_attached(links, time.monotonic()) is None:
                return None
            found, _ = probes.hooks(probes.held(process.pid)[0])
            own = {n for n, hook in found.items() if on_switch(hook)}
            load_process = subprocess.Popen(load, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            load_process.stdin.write(b"\n")
            load_process.stdin.flush()
            time.sleep(0.2)
            before = probes.Stats.read(own)
            time.sleep(seconds)
            after = probes.Stats.read(own)
            load_process.kill()
            load_process.wait()
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    spent = sum(after[n][0] - before[n][0] for n in own)
    events = sum(after[n][1] - before[n][1] for n in own)
    return (spent / events if events else None), events / seconds


def herd(stoker, built, cpu, output, threads=12000):
    """(share of waits counted, None) or (None, why not)."""
    load = subprocess.Popen([built / "loads", "herd", str(threads), str(cpu)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    links = probes.ids(probes.NEXT_LINK)
    process = begin(stoker, "10s", load.pid, output)
    probes.wait_attached(links, time.monotonic())
    said = load.communicate("\n")[0]
    process.communicate()
    if load.returncode != 0 or not said:
        return None, f"{threads} threads could not be made"
    try:
        report = json.loads(pathlib.Path(output).read_text())
    except (OSError, ValueError) as error:
        return None, f"no report: {error}"
    arrivals = int(said)
    counted = report.get("runQueueWaits", {}).get("count", 0)
    return counted / arrivals if arrivals else None, f"{counted} of {arrivals} arrivals"


def cpu_of_last():
    return sorted(os.sched_getaffinity(0))[-1]
