#!/usr/bin/env python3
"""Runs the command as a user would: exit codes, one-line errors, signals, hostile names."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "docs/schema/stoker.report-1.json"
TOPOLOGY_SCHEMA = ROOT / "docs/schema/stoker.topology-1.json"
STOKER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/debug/stoker").resolve()
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
CONTROLS = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")


class Skip(Exception):
    """Why a test cannot run here."""


def stoker(*arguments, timeout=60, **options):
    return subprocess.run([STOKER, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=timeout, **options)


def started(*arguments, **options):
    return subprocess.Popen([STOKER, *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_failure(code, pattern, *arguments):
    """Exit code, nothing on stdout, and one line on stderr that says what is wrong."""
    result = stoker(*arguments)
    text = result.stderr.decode()
    expect(result.returncode == code, f"exit {result.returncode}, not {code}: {text!r}")
    expect(result.stdout == b"", f"stdout {result.stdout[:200]!r}")
    expect(re.search(pattern, text), f"stderr {text!r} lacks {pattern!r}")
    if code == 2:
        expect(text.count("\n") == 1 and text.startswith("stoker: "), f"not one line: {text!r}")
    return text


def expect_report(result, *, codes=(0, 1)):
    expect(result.returncode in codes, f"exit {result.returncode}: {result.stderr!r}")
    return result.stdout


def sleeper(seconds=30):
    return subprocess.Popen(["sleep", str(seconds)])


def ended(process):
    process.kill()
    process.wait()


def wait_for(what, condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, f"no {what} within {seconds} s")
        time.sleep(0.02)


def dead_pid():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def validated(text, schema=SCHEMA):
    try:
        import jsonschema
    except ImportError:
        raise Skip("python3-jsonschema is not installed") from None
    report = json.loads(text)
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(report)
    return report


# Wrong usage and wrong input.

def test_unknown_option():
    expect_failure(64, "--frobnicate", "diagnose", "--frobnicate")


def test_bad_durations():
    for duration in ["0s", "ten", "10", "-3s", "1.5s", "99999999999999999999s", "745h", ""]:
        expect_failure(64, "duration", "diagnose", f"--duration={duration}")


def test_two_targets():
    expect_failure(64, "only one of", "diagnose", "--pid", "1", "--cgroup", "/", "--duration", "1s")
    expect_failure(64, "only one of", "diagnose", "--pid", "1", "--", "true")


def test_pid_that_is_none():
    expect_failure(64, "pid", "diagnose", "--pid", "0")
    expect_failure(64, "pid", "diagnose", "--pid", "seven")


def test_dead_pid():
    pid = dead_pid()
    expect_failure(2, f"no process {pid}", "diagnose", "--pid", pid)


def test_unknown_rule():
    expect_failure(2, "no rule no-such-rule", "explain", "no-such-rule")
    expect_failure(2, r"no rule \\x1b", "explain", "\x1b[31mred")


def test_planted_output_is_refused():
    if not IS_ROOT:
        raise Skip("only root can plant files of others")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o1777)
        precious = pathlib.Path(folder, "precious")
        precious.write_text("precious")
        link, own, plain = (pathlib.Path(folder, name) for name in ["link", "own", "plain"])
        link.symlink_to(precious)
        own.symlink_to(precious)
        plain.write_text("bait")
        os.chown(plain, 65534, 65534)
        os.chown(link, 65534, 65534, follow_symlinks=False)
        for path in [link, plain]:
            expect_failure(2, "somebody else put it", "topology", "--output", path)
        expect(precious.read_text() == "precious" and plain.read_text() == "bait", "written to")
        expect(stoker("topology", "--output", own).returncode == 0, "a link of one's own")


def test_unwritable_output():
    expect_failure(2, "cannot write /nonexistent/report", "diagnose", "--duration", "30s",
                   "--output", "/nonexistent/report")
    expect_failure(2, "cannot write /:", "diagnose", "--duration", "30s", "-o", "/")


def test_from_a_text_file():
    expect_failure(2, "is not a recording", "diagnose", "--from", __file__)
    expect_failure(2, "cannot read", "diagnose", "--from", "/nonexistent")


def test_missing_cgroup():
    expect_failure(2, "no control group", "diagnose", "--cgroup", "/no/such/group")


def test_command_not_found():
    expect_failure(2, "cannot start no-such-command", "diagnose", "--", "no-such-command")


def test_hostile_arguments_stay_on_one_line():
    name = "two\nlines\x1b[2J"
    for arguments in [["--cgroup", name], ["--from", name], ["--output", f"/{name}/x"], ["--", name]]:
        text = expect_failure(2, "stoker: ", "diagnose", "--duration", "1s", *arguments)
        expect(not CONTROLS.search(text.encode()), f"control bytes in {text!r}")


# Looking.

def test_json_follows_the_schema():
    process = sleeper()
    try:
        for target in [["--pid", process.pid], []]:
            result = stoker("diagnose", "--duration", "1s", "--format", "json", *target)
            report = validated(expect_report(result))
            expect(0.9 < report["window"]["seconds"] < 2, report["window"])
            expect(result.stderr == b"", f"stderr {result.stderr!r}")
    finally:
        ended(process)


def test_ends_with_the_command():
    begin = time.monotonic()
    expect_report(stoker("diagnose", "--duration", "20s", "--", "sleep", "1"))
    expect(time.monotonic() - begin < 8, "waited for the duration instead")


def test_forwards_signals_to_the_command():
    for number, name in [(signal.SIGTERM, "TERM"), (signal.SIGUSR1, "USR1")]:
        with tempfile.TemporaryDirectory() as folder:
            ready, seen = pathlib.Path(folder, "ready"), pathlib.Path(folder, "seen")
            script = (f'trap "echo {name} > {seen}; exit 0" {name}; echo > {ready};'
                      ' for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & wait; done')
            process = started("diagnose", "--duration", "20s", "--", "sh", "-c", script)
            wait_for("command", ready.exists)
            begin = time.monotonic()
            process.send_signal(number)
            output, errors = process.communicate(timeout=15)
            expect(seen.exists() and seen.read_text() == name + "\n", f"no {name} came through")
            expect(process.returncode in (0, 1), f"exit {process.returncode}: {errors!r}")
            expect(output, "no report")
            expect(time.monotonic() - begin < 8, "did not end with the command")


def test_the_command_goes_on_when_the_duration_is_over():
    with tempfile.TemporaryDirectory() as folder:
        pid_file = pathlib.Path(folder, "pid")
        # The command must not hold the pipe that the report comes through.
        script = f"echo $$ > {pid_file}; exec sleep 31 > /dev/null 2>&1"
        expect_report(stoker("diagnose", "--duration", "1s", "--", "sh", "-c", script))
        pid = int(pid_file.read_text())
        try:
            expect(pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n", "the command is gone")
        finally:
            os.kill(pid, signal.SIGKILL)


def test_an_interrupt_brings_the_report_early():
    process = started("diagnose", "--duration", "30s")
    time.sleep(2)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    expect(process.returncode in (0, 1), f"exit {process.returncode}: {errors!r}")
    expect(output, "no report")
    expect(time.monotonic() - begin < 8, "took its time")


def test_writes_the_report_to_a_file():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "report.json")
        path.write_text("x" * 1_000_003)
        result = stoker("diagnose", "--duration", "1s", "--format", "json", "--output", path)
        expect(expect_report(result) == b"", "the report went to stdout, too")
        validated(path.read_text())


def test_a_full_disk_is_said():
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    expect_failure(2, "No space left", "diagnose", "--duration", "1s", "--output", "/dev/full")


def test_an_ordinary_user_gets_a_report():
    if not IS_ROOT:
        raise Skip("needs root to become nobody")
    with tempfile.TemporaryDirectory() as folder:
        # The build may lie where nobody cannot go.
        os.chmod(folder, 0o755)
        copy = pathlib.Path(folder, "stoker")
        subprocess.run(["cp", STOKER, copy], check=True)
        nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
        target = subprocess.Popen(["sleep", "20"], **nobody)
        try:
            for arguments in [["--pid", str(target.pid)], [], ["--", "sleep", "1"]]:
                command = [copy, "diagnose", "--duration", "1s", "--format", "json", *arguments]
                result = subprocess.run(command, capture_output=True, timeout=60,
                                        stdin=subprocess.DEVNULL, **nobody)
                report = validated(expect_report(result))
                reasons = " ".join(c["reason"] or "" for c in report["coverage"])
                expect("run as root" in reasons, f"does not say what root would add: {reasons}")
            text = subprocess.run([copy, "diagnose", "--duration", "1s"], capture_output=True,
                                  timeout=60, stdin=subprocess.DEVNULL, **nobody)
            expect(b"root" in expect_report(text), "the text does not say what root would add")
        finally:
            ended(target)


def test_no_colour_where_nobody_looks():
    process = sleeper()
    try:
        for environment in [os.environ, {**os.environ, "NO_COLOR": "1"}]:
            result = stoker("diagnose", "--duration", "1s", "--pid", process.pid, env=environment)
            expect(b"\x1b" not in expect_report(result), "escape sequences in a pipe")
    finally:
        ended(process)
    for arguments in [["explain"], ["check"], ["topology"], ["--help"]]:
        expect(b"\x1b" not in stoker(*arguments).stdout, f"escape sequences from {arguments}")


def test_help_tells_the_default_duration():
    result = stoker("diagnose", "--help")
    expect(result.returncode == 0, f"exit {result.returncode}")
    expect(re.search(rb"--duration.*\n?.*default: 10s", result.stdout), result.stdout)


def test_check_tells_what_can_be_measured():
    result = stoker("check")
    expect(result.returncode in ((0,) if IS_ROOT else (0, 2)), f"exit {result.returncode}")
    expect(b"sched_switch" in result.stdout or not IS_ROOT, "no word of sched_switch")
    expect(not CONTROLS.search(result.stdout), "control bytes")


# Who trains.

# Opens what a CUDA program opens, in a /dev of its own, and works a little; `ask` opens a GPU to
# ask it, as nvidia-smi does. Nothing of it is a real device: the names are what is looked at.
DEVICES = r"""
mount -t tmpfs none /dev && cd /dev && touch nvidiactl nvidia0 nvidia-uvm null libcuda.so.550.54
exec "$@"
"""
TRAINER = r"""
import mmap, os, subprocess, sys, time
kept = [os.open("/dev/" + name, os.O_RDWR) for name in ["nvidiactl", "nvidia0"]]
if sys.argv[1] == "train":
    kept.append(os.open("/dev/nvidia-uvm", os.O_RDWR))
    library = os.open("/dev/libcuda.so.550.54", os.O_RDWR)
    os.write(library, b"x" * 4096)
    kept.append(mmap.mmap(library, 4096))
if os.fork() == 0:
    time.sleep(40)
    os._exit(0)
subprocess.Popen(["sleep", "40"])
print("ready", flush=True)
end = time.monotonic() + 40
while time.monotonic() < end:
    time.sleep(0.01)
    busy = time.monotonic() + 0.01
    while time.monotonic() < busy: pass
"""


def gpu_process(purpose):
    """In a process group of its own, with its child."""
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", DEVICES, "sh", sys.executable, "-c", TRAINER, purpose],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    if process.stdout.readline() != b"ready\n":
        raise Skip(f"no mount namespace here: {process.stderr.read()!r}")
    return process


def test_finds_the_processes_that_compute_on_a_gpu():
    if not IS_ROOT:
        raise Skip("needs root for a /dev of its own")
    processes = [gpu_process("train"), gpu_process("ask")]
    try:
        train, ask = [p.pid for p in processes]
        command = ["diagnose", "--duration", "1s"]
        report = validated(expect_report(stoker(*command, "--format", "json")))
        expect(report["scope"] == "processes", report["scope"])
        expect(report["search"]["ranks"] == [train], report["search"])
        expect([(b["pid"], b["reason"]) for b in report["search"]["bystanders"]
                if b["pid"] == ask] == [(ask, "no-context")], report["search"])
        watched = {p["pid"] for p in report["training"]}
        expect(train in watched and len(watched) == 3, f"not the rank and its children: {watched}")
        roles = {t["tid"]: t["role"] for p in report["training"] for t in p["threads"]}
        expect(roles[train] == "launch" and len(roles) == 3, roles)
        expect(sorted(roles.values()) == ["launch", "loader", "other"], f"sleep is no loader: {roles}")
        text = expect_report(stoker(*command)).decode()
        expect("1 process that computes on a GPU; left out: " in " ".join(text.split()), text)
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# A step of so many seconds, a part of it on the CPU; prints how long one took on average.
STEPS = r"""
import sys, time
period, duty = map(float, sys.argv[1:])
begin, steps = time.monotonic(), 0
while time.monotonic() < begin + 9:
    start = time.monotonic()
    while time.monotonic() < start + period * duty: pass
    time.sleep(period * (1 - duty))
    steps += 1
print((time.monotonic() - begin) / steps * 1000)
"""


def test_the_step_time_is_the_jobs_own():
    """Other work on the machine may hide it, and must not falsify it."""
    told = 0
    for period, duty in [(0.1, 0.5), (0.25, 0.3), (0.4, 0.8)]:
        with subprocess.Popen([sys.executable, "-c", STEPS, str(period), str(duty)],
                              stdout=subprocess.PIPE) as job:
            report = validated(expect_report(
                stoker("diagnose", "--duration", "8s", "--format", "json", "--pid", job.pid)))
            truth = float(job.stdout.read())
        step = report["training"][0]["stepMilliseconds"]
        expect(step is None or abs(step - truth) < 0.05 * truth, f"{step} ms for {truth} ms")
        told += step is not None
    expect(told > 0, "no step time was told at all")


def test_the_job_is_named_by_its_environment():
    environment = {**os.environ, "RANK": "11", "LOCAL_RANK": "3", "WORLD_SIZE": "16",
                   "SLURM_JOB_ID": "4711", "CUDA_VISIBLE_DEVICES": "3"}
    process = subprocess.Popen(["sleep", "30"], env=environment)
    try:
        command = ["diagnose", "--duration", "1s", "--pid", process.pid]
        trained = validated(expect_report(stoker(*command, "--format", "json")))["training"][0]
        identity = trained["identity"]
        expect((trained["rank"], identity["localRank"], identity["worldSize"]) == (11, 3, 16), trained)
        expect((identity["slurmJob"], identity["visibleDevices"]) == ("4711", "3"), identity)
        text = " ".join(expect_report(stoker(*command)).decode().split())
        expect("local rank 3, 16 ranks in all; Slurm job 4711" in text, text)
    finally:
        ended(process)


# The map.

def topology(*arguments, **options):
    result = stoker("topology", "--format", "json", *arguments, **options)
    expect(result.returncode == 0, f"exit {result.returncode}: {result.stderr!r}")
    expect(result.stderr == b"", f"stderr {result.stderr!r}")
    return validated(result.stdout, TOPOLOGY_SCHEMA)


def cpus(text):
    """The kernel's list form, 0-3,8."""
    numbers = set()
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        numbers |= set(range(int(low), int(high or low) + 1))
    return numbers


def test_the_map_follows_its_schema():
    report = topology()
    online = pathlib.Path("/sys/devices/system/cpu/online").read_text().strip()
    expect(report["host"]["onlineCpus"] == online, report["host"])
    expect(report["choice"] == "found", report["choice"])
    expect({c["id"] for c in report["cpus"] if c["online"]} == cpus(online), report["cpus"])
    with open("/proc/interrupts") as table:
        rows = {int(line.split(":")[0]) for line in table if line.split(":")[0].strip().isdigit()}
    expect({row["irq"] for row in report["interrupts"]} == rows, "not the rows of /proc/interrupts")


def test_the_map_shows_where_a_process_is():
    allowed = os.sched_getaffinity(0)
    process = subprocess.Popen([sys.executable, "-c", SPINNER, b"pinned".hex()])
    try:
        wait_for("pinned process", lambda: len(os.sched_getaffinity(process.pid)) == 1)
        time.sleep(0.2)
        report = topology("--pid", process.pid)
        expect(report["choice"] == "named", report["choice"])
        expect([p["pid"] for p in report["processes"]] == [process.pid], report["processes"])
        threads = report["processes"][0]["threads"]
        nodes = {c["id"]: c["node"] for c in report["cpus"]}
        expect([(t["name"], t["cpu"], cpus(t["allowedCpus"]), t["node"]) for t in threads]
               == [("pinned", min(allowed), {min(allowed)}, nodes[min(allowed)])], threads)
        text = expect_report(stoker("topology", "--pid", process.pid), codes=(0,)).decode()
        expect(f"pid {process.pid}: " in text and f"(CPU {min(allowed)})" in text, text)
    finally:
        ended(process)


def test_the_map_shows_descendants():
    with subprocess.Popen(["sh", "-c", "sleep 30 & echo $!; wait"], stdout=subprocess.PIPE) as shell:
        child = int(shell.stdout.readline())
        try:
            pids = {p["pid"] for p in topology("--pid", shell.pid)["processes"]}
            expect(pids == {shell.pid, child}, pids)
        finally:
            os.kill(child, signal.SIGKILL)


def test_the_map_finds_who_has_a_gpu_open():
    stat = ("{0} (python3) S {1} 1 1 0 -1 4194304 1 0 0 0 5 5 0 0 20 0 1 0 99 1 1 1 1 1 1 1 1 0 0 0"
            " 0 0 0 0 17 {2} 0 0 0 0 0")
    files = {"sys/devices/system/cpu/online": "0-5", "proc/7001/numa_maps":
             "7f0000000000 bind:1 anon=768 dirty=768 N0=256 N1=512 kernelpagesize_kB=4"}
    for node, members in [(0, "0-2"), (1, "3-5")]:
        files[f"sys/devices/system/node/node{node}/cpulist"] = members
        files[f"sys/devices/system/node/node{node}/meminfo"] = f"Node {node} MemTotal: 4096 kB"
    files |= {f"sys/devices/system/cpu/cpu{cpu}/topology/core_id": cpu for cpu in range(6)}
    for pid, parent, cpu in [(7001, 1, 5), (7002, 7001, 0), (7003, 1, 1)]:
        files |= {f"proc/{pid}/stat": stat.format(pid, parent, cpu), f"proc/{pid}/fd/.keep": "",
                  f"proc/{pid}/task/{pid}/stat": stat.format(pid, parent, cpu),
                  f"proc/{pid}/status": "Mems_allowed_list:\t0-1"}
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        pathlib.Path(root, "proc/7001/fd/9").symlink_to("/dev/nvidia3")
        pathlib.Path(root, "proc/7003/fd/9").symlink_to("/dev/null")
        report = topology("--root", root)
        expect(report["choice"] == "found", report["choice"])
        expect([(p["pid"], p["hasDeviceOpen"], p["threads"][0]["node"], p["allowedNodes"])
                for p in report["processes"]]
               == [(7001, True, 1, "0-1"), (7002, False, 0, "0-1")], report["processes"])
        memory = report["processes"][0]["memory"]
        expect(memory["anonymous"] == {"0": 1 << 20, "1": 2 << 20}, memory)
        expect(memory["policies"] == {"bind:1": 3 << 20}, memory)
        expect([gap["what"] for gap in report["notSeen"]] == ["caches", "IRQs", "memory"],
               report["notSeen"])
        text = expect_report(stoker("topology", "--root", root), codes=(0,)).decode()
        expect("compute on a GPU or have an RDMA adapter open" in " ".join(text.split()) and "on node 1 (CPU 5)" in text, text)
        expect("2.0 MiB on node 1 (67 %), 1.0 MiB on node 0 (33 %)" in text, text)


def test_the_map_refuses_what_is_wrong():
    expect_failure(64, "pid", "topology", "--pid", "0")
    expect_failure(64, "only one of", "topology", "--pid", "1", "--cgroup", "/")
    expect_failure(64, "format", "topology", "--format", "xml")
    expect_failure(2, f"no process {(pid := dead_pid())}", "topology", "--pid", pid)
    expect_failure(2, "no control group", "topology", "--cgroup", "/no/such/group")
    expect_failure(2, "cannot write /nonexistent/map", "topology", "-o", "/nonexistent/map")
    expect_failure(2, "cannot read any CPU", "topology", "--root", "/nonexistent")


def test_the_map_goes_to_a_file():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "map.json")
        path.write_text("x" * 1_000_003)
        result = stoker("topology", "--format", "json", "--output", path)
        expect(expect_report(result, codes=(0,)) == b"", "the map went to stdout, too")
        validated(path.read_text(), TOPOLOGY_SCHEMA)


def test_an_ordinary_user_gets_a_map():
    if not IS_ROOT:
        raise Skip("needs root to become nobody")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = pathlib.Path(folder, "stoker")
        subprocess.run(["cp", STOKER, copy], check=True)
        nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
        for form, check in [("json", lambda t: validated(t, TOPOLOGY_SCHEMA)), ("text", bytes)]:
            result = subprocess.run([copy, "topology", "--format", form], capture_output=True,
                                    timeout=60, stdin=subprocess.DEVNULL, **nobody)
            expect(result.returncode == 0, f"exit {result.returncode}: {result.stderr!r}")
            check(result.stdout)
            words = b" ".join(result.stdout.split())
            expect(b"run as root" in words, f"does not say what root would add: {words}")


def test_hostile_names_do_not_harm_the_map():
    spinners = hostile_spinners()
    try:
        time.sleep(0.5)
        targets = [word for s in spinners for word in ["--pid", str(s.pid)]]
        for form in ["text", "json"]:
            text = expect_report(stoker("topology", "--format", form, *targets), codes=(0,))
            expect(not CONTROLS.search(text), f"control bytes: {text!r}")
            expect("\u202e".encode() not in text, "a right-to-left override")
        report = topology(*targets)
        names = {t["name"] for p in report["processes"] for t in p["threads"]}
        expect("\x1b[2J\x1b[31mred" in names and len(report["processes"]) == len(HOSTILE), names)
    finally:
        for spinner in spinners:
            ended(spinner)


# Names that a process chose.

HOSTILE = [b"\x1b[2J\x1b[31mred", b"\"'`; $(id)\\", b"a\nroot: ok", b"\xff\xfe\x80bad", b"$(touch /x)",
           "\u202egnp.exe".encode(), b"\x00", b"'; rm -rf x;'"]

SPINNER = r"""
import ctypes, os, sys, time
libc = ctypes.CDLL(None)
libc.prctl(15, bytes.fromhex(sys.argv[1]), 0, 0, 0)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
end = time.monotonic() + 30
while time.monotonic() < end: pass
"""


def hostile_spinners():
    return [subprocess.Popen([sys.executable, "-c", SPINNER, name.hex()]) for name in HOSTILE]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def test_hostile_names_do_no_harm():
    spinners = hostile_spinners()
    try:
        time.sleep(0.5)
        victim = ["--pid", spinners[0].pid]
        for arguments in [victim, []]:
            text = expect_report(stoker("diagnose", "--duration", "1s", *arguments))
            expect(not CONTROLS.search(text), f"control bytes in text: {text!r}")
            expect(arguments == [] or rb"\x1b[2J\x1b[31mred" in text, f"no hostile name: {text!r}")
            expect("\u202e".encode() not in text, "a right-to-left override in text")
            result = expect_report(stoker("diagnose", "--duration", "1s", "--format", "json",
                                          *arguments))
            expect(not CONTROLS.search(result), "control bytes in JSON")
            check_commands(validated(result.decode("utf-8")))
    finally:
        for spinner in spinners:
            ended(spinner)


def check_commands(report):
    """A command is pasted into a root shell: bash must take it as what it shows."""
    for finding in report["findings"]:
        for part in ["commands", "persist", "rollback"]:
            for command in strings(finding["fix"][part]):
                for bad in ["\x1b", "$(id)", "$(touch", "rm -rf", "\n", "\u202e"]:
                    expect(bad not in command, f"{finding['rule']}: {command!r}")
                checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True)
                expect(checked.returncode == 0, f"bash refuses {command!r}: {checked.stderr!r}")


def test_a_kernel_without_types_is_told_of():
    if not IS_ROOT:
        raise Skip("only root can hide BTF")
    hidden = "mount -t tmpfs none /sys/kernel/btf && exec "
    for words, statuses in [(["check"], [2]), (["diagnose", "--duration", "1s"], [0, 1])]:
        result = subprocess.run(["unshare", "--mount", "sh", "-c", hidden + '"$@"', "sh", STOKER,
                                 *words], capture_output=True, text=True)
        said = " ".join(result.stdout.split())
        expect(result.returncode in statuses, f"exit {result.returncode}: {result.stderr}")
        expect("the kernel has no BTF (/sys/kernel/btf/vmlinux)" in said, said[-600:])


def test_no_locked_memory_is_needed():
    if not IS_ROOT:
        raise Skip("only root can load probes")
    result = subprocess.run(["prlimit", "--memlock=0:0", STOKER, "check"], capture_output=True,
                            text=True)
    # Kernels before 5.11 count maps against it, and are told of by their reason.
    expect("tp_btf/sched_switch: the ledger" in result.stdout or "refused" in result.stdout,
           result.stdout)


def main(names=None):
    """Runs the tests among these names: this file's own, or those of another."""
    tests = {n: f for n, f in (names or globals()).items() if n.startswith("test_")}
    only = sys.argv[2:]
    passed = failed = skipped = 0
    for name, test in tests.items():
        if only and not any(word in name for word in only):
            continue
        title = name.removeprefix("test_").replace("_", " ")
        try:
            told = test()
            passed += 1
            print(f"ok      {title}" + (f": {told}" if told else ""), flush=True)
        except Skip as why:
            skipped += 1
            print(f"skipped {title}: {why}", flush=True)
        except Exception as why:
            failed += 1
            print(f"FAILED  {title}: {why}", flush=True)
            if not isinstance(why, AssertionError):
                traceback.print_exc()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
