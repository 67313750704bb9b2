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
from load import Load


def status_kib(pid, key):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{key}:\s+(\d+)", text, re.M)
    return int(found[1]) if found else None


def begin(stoker, duration, pid, output):
    return subprocess.Popen([stoker, "diagnose", "--duration", duration, "--pid", str(pid),
                             "--format", "json", "--output", str(output)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def whole(stoker, pid, output, duration=10):
    """A diagnosis from start to end, watched from outside."""
    started = time.monotonic()
    process = begin(stoker, f"{duration}s", pid, output)
    idle, ready = probes.wait_holding([process])
    facts = {"ready": None if idle else ready}
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
    process = begin(stoker, "60s", pid, "/dev/null")
    probes.wait_holding([process])
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


def herd(stoker, built, cpu, output, threads=12000):
    """(share of waits counted, None) or (None, why not)."""
    with Load(built, "herd", threads, cpu) as load:
        process = begin(stoker, "10s", load.pid, output)
        probes.wait_holding([process])
        load.begin()
        try:
            arrivals = int(load.answer())
        except RuntimeError as error:
            return None, str(error)
        finally:
            process.communicate()
    try:
        report = json.loads(pathlib.Path(output).read_text())
    except (OSError, ValueError) as error:
        return None, f"no report: {error}"
    counted = report.get("runQueueWaits", {}).get("count", 0)
    return counted / arrivals if arrivals else None, f"{counted} of {arrivals} arrivals"


def cpu_of_last():
    return sorted(os.sched_getaffinity(0))[-1]
