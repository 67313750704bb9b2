#!/usr/bin/env python3
"""The daemon as an operator meets it: starting, answering, reloading, ending, being in the way."""

import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import cli
from cli import IS_ROOT, ROOT, STOKER, Skip, expect, expect_failure, stoker

RELOADS = 100
# Judgement: what glibc may keep of a hundred readings of a file.
RELOAD_BYTES = 2 << 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    def __init__(self, *options, config="", ready=True, first=None, environment=None):
        self.folder = tempfile.TemporaryDirectory(prefix="stoker-daemon-")
        self.config = pathlib.Path(self.folder.name, "config.yaml")
        self.config.write_text(config)
        self.history = pathlib.Path(self.folder.name, "history")
        self.port = free_port()
        self.log = pathlib.Path(self.folder.name, "log")
        begin = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [STOKER, "daemon", "--config", self.config, "--listen", f"127.0.0.1:{self.port}",
                 "--set", f"history.folder={self.history}", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=first,
                env={**os.environ, **(environment or {})})
        if ready:
            self.until(lambda: self.status("/readyz") == 200, "is not ready", 30)
        self.ready_seconds = time.monotonic() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def until(self, condition, what, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            expect(self.process.poll() is None, f"ended: {self.said()}")
            time.sleep(0.05)
        raise AssertionError(f"{what}: {self.said()}")

    def said(self):
        return self.log.read_text()

    def get(self, path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def status(self, path):
        try:
            self.get(path)
            return 200
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text()

    @property
    def resident(self):
        return int(self.proc("statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def end(self, which=signal.SIGTERM):
        """Seconds until it is gone."""
        begin = time.monotonic()
        self.process.send_signal(which)
        self.process.wait(10)
        return time.monotonic() - begin


def test_a_driver_that_comes_later_needs_a_new_start():
    """A driver container loads it minutes after boot. By hand one is told; systemd starts anew."""
    device = pathlib.Path("/dev/nvidiactl")
    if not IS_ROOT:
        raise Skip("not root")
    if device.exists() or pathlib.Path("/proc/driver/nvidia").exists():
        raise Skip("there is a driver already")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(path)
            notified.settimeout(1)
            heard = {"NOTIFY_SOCKET": path}
            with Daemon() as alone, Daemon(environment=heard) as served:
                try:
                    device.touch()
                    alone.until(lambda: "start the daemon anew" in alone.said(), "says nothing", 15)
                    expect(served.process.wait(15) == 75, f"ended with {served.process.poll()}")
                    expect(alone.process.poll() is None, "ended by itself")
                finally:
                    device.unlink()
                expect("starts anew to see a GPU driver" in served.said(), served.said())
                states = b""
                while b"STOPPING" not in states:
                    states = notified.recv(4096)


def test_everything_is_answered():
    with Daemon() as daemon:
        report = json.loads(daemon.get("/report"))
        expect(report["schema"] == "stoker.report/1", "no report")
        expect(json.loads(daemon.get("/report?format=json"))["schema"], "no report")
        expect("Where" in daemon.get("/report", Accept="text/plain"), "no text")
        expect("stoker_build_info" in daemon.get("/metrics"), "no metrics")
        expect(daemon.get("/metrics", Accept="application/openmetrics-text").endswith("# EOF\n"),
               "no OpenMetrics")
        page = daemon.get("/")
        expect("</html>" in page and "<script" not in page, "no page")
        expect(daemon.status("/healthz") == 200, "not healthy")
        expect(daemon.status("/../etc/passwd") == 404, "a path beyond")


def test_a_signal_ends_it_at_once_and_leaves_nothing():
    for which in [signal.SIGTERM, signal.SIGINT]:
        with Daemon() as daemon:
            seconds = daemon.end(which)
            expect(daemon.process.returncode == 0, f"exit {daemon.process.returncode}")
            expect(seconds < 1, f"{seconds} s")


def test_it_listens_on_loopback_alone():
    with Daemon() as daemon:
        ours = {os.readlink(f"/proc/{daemon.process.pid}/fd/{fd}")
                for fd in os.listdir(f"/proc/{daemon.process.pid}/fd")}
        listening = []
        for table in ["tcp", "tcp6"]:
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in ours:
                    listening.append(fields[1])
        expect(len(listening) == 1 and listening[0].startswith("0100007F:"), f"{listening}")
    with Daemon("--listen", f"0.0.0.0:{free_port()}") as daemon:
        expect("without TLS" in daemon.said(), daemon.said())


def test_a_second_one_is_refused_and_told_why():
    with Daemon() as daemon:
        text = expect_failure(2, f"process {daemon.process.pid} already keeps its history",
                              "daemon", "--set", f"history.folder={daemon.history}",
                              "--listen", f"127.0.0.1:{free_port()}")
        expect(text.count("\n") == 1, text)
        expect_failure(2, "cannot listen on .*in use", "daemon", "--set", "history.enabled=false",
                       "--listen", f"127.0.0.1:{daemon.port}")
        expect(daemon.status("/healthz") == 200, "the first one suffered")


def test_a_broken_configuration_is_refused_at_the_start():
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("tick: 1s\nwindwo: 3s\n")
        file.flush()
        expect_failure(2, r'yaml:2:1: unknown key "windwo"; did you mean "window"', "daemon",
                       "--config", file.name)


def test_a_reload_takes_all_or_nothing():
    with Daemon(config="window: 10s\n") as daemon:
        daemon.config.write_text("window: 20s\ntick: never\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until(lambda: "the configuration stays as it was" in daemon.said(), "no complaint")
        expect("a setting has changed" not in daemon.said(), daemon.said())
        daemon.config.write_text("window: 20s\nlisten: ['127.0.0.1:1']\nlog: {format: json}\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until(lambda: '"key": "window"' in daemon.said().replace('":"', '": "'),
                     "no change")


def test_history_follows_a_reload():
    with Daemon(config="history: {size: 100MB}\n") as daemon:
        def recording():
            return "stoker_history_recording 1" in daemon.get("/metrics")
        daemon.until(recording, "keeps no history")
        daemon.config.write_text("history: {enabled: false}\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until(lambda: "stoker_history_" not in daemon.get("/metrics"), "goes on")
        files = len(list(daemon.history.glob("*.db")))
        daemon.config.write_text("history: {size: 50MB}\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until(recording, "does not begin again")
        daemon.until(lambda: len(list(daemon.history.glob("*.db"))) == files + 1, "no new file")


def test_many_reloads_leave_nothing_behind():
    with Daemon() as daemon:
        def reload(times):
            for _ in range(times):
                daemon.process.send_signal(signal.SIGHUP)
                time.sleep(0.02)
            time.sleep(1)
        reload(20)
        # Until the window is full, memory grows by itself.
        time.sleep(12)
        before, files = daemon.resident, len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        reload(RELOADS)
        grown = daemon.resident - before
        expect(grown < RELOAD_BYTES, f"{grown} bytes more")
        expect(abs(len(os.listdir(f"/proc/{daemon.process.pid}/fd")) - files) <= 2, "descriptors")


def test_passwords_are_asked_for():
    web = tempfile.NamedTemporaryFile("w", suffix=".yaml")
    # "secret", cost 4
    hash = subprocess.run([sys.executable, "-c", "import crypt; print(crypt.crypt('secret', '$2b$04$' + 'a' * 22))"],
                          capture_output=True, text=True).stdout.strip()
    if not hash.startswith("$2b$"):
        raise Skip("Python's crypt knows no bcrypt here")
    web.write(f"basic_auth_users:\n  ann: {hash}\n")
    web.flush()
    with Daemon("--set", f"web-config={web.name}", ready=False) as daemon:
        daemon.until(lambda: daemon.status("/healthz") is not None, "does not listen")
        expect(daemon.status("/metrics") == 401, "not asked")
        import base64
        word = base64.b64encode(b"ann:secret").decode()
        daemon.until(lambda: daemon.get("/metrics", Authorization=f"Basic {word}"), "not let in")


def test_scrapes_in_parallel_are_answered():
    with Daemon() as daemon:
        failures, times = [], []

        def scrape():
            for _ in range(50):
                begin = time.monotonic()
                if daemon.status("/metrics") != 200:
                    failures.append(1)
                times.append(time.monotonic() - begin)
        threads = [threading.Thread(target=scrape) for _ in range(10)]
        before = daemon.resident
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(not failures, f"{len(failures)} of {len(times)} failed")
        expect(daemon.resident - before < 8 << 20, "memory grew")


def test_a_fault_is_raised_soon_and_cleared():
    if not IS_ROOT:
        raise Skip("only root can load probes")
    busy = "while :; do :; done"
    job = subprocess.Popen(["taskset", "-c", "0", "sh", "-c", busy])
    try:
        with Daemon("--set", "training.commands=^sh -c while",
                    # A debug build would leave looks out to keep to its budget.
                    "--set", "overhead.budget=100%", "--set", "findings.clear-after=5") as daemon:
            time.sleep(10)
            begin = time.monotonic()
            hog = subprocess.Popen(["taskset", "-c", "0", sys.executable, "-c", "while True: pass"])
            try:
                daemon.until(lambda: "rule=noisy-neighbour" in daemon.said(), "not raised", 15)
                seconds = time.monotonic() - begin
                expect(seconds <= 5.5, f"raised after {seconds:.1f} s")
                active = re.compile(r'finding_active\{rule="noisy-neighbour".*\} 1')
                daemon.until(lambda: active.search(daemon.get("/metrics")), "no metric of it", 2)
            finally:
                hog.kill()
                hog.wait()
            daemon.until(lambda: "cleared: " in daemon.said(), "not cleared", 30)
    finally:
        job.kill()
        job.wait()


def test_it_gives_privileges_away_and_starts_nobody():
    if not IS_ROOT:
        raise Skip("only root has privileges to give away")
    with Daemon() as daemon:
        fields = dict(re.findall(r"(\w+):\t(\w+)", daemon.proc("status")))
        kept = 1 << 39 | 1 << 38 | 1 << 19 | 1 << 2 | 1 << 34
        expect(int(fields["CapEff"], 16) & ~kept == 0, fields["CapEff"])
        expect(int(fields["CapBnd"], 16) & ~kept == 0, fields["CapBnd"])
        expect(fields["NoNewPrivs"] == "1", "programs may gain privileges")
        children = [pathlib.Path(t, "children").read_text()
                    for t in pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir()]
        expect(not "".join(children).strip() or pathlib.Path("/dev/nvidiactl").exists(), children)


def test_without_privileges_it_tells_what_is_missing():
    if not IS_ROOT:
        raise Skip("root drops its privileges for it")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        port = free_port()
        daemon = subprocess.Popen(
            ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", STOKER, "daemon",
             "--listen", f"127.0.0.1:{port}", "--set", f"history.folder={folder}/history"],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            text = None
            for _ in range(100):
                time.sleep(0.1)
                try:
                    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
                except OSError:
                    continue
                if "stoker_self_ticks_total 2" in text:
                    break
            expect(text and 'stoker_signal_up{signal="vmstat"} 1' in text, f"no metrics: {text}")
            expect('stoker_probe_attached{' in text, "probes are not told of")
            expect(not re.search(r"stoker_probe_attached\{.*\} 1", text), "probes without privileges")
        finally:
            daemon.terminate()
            said = daemon.communicate(timeout=10)[1].decode()
        expect("a probe is missing" in said, said)


if __name__ == "__main__":
    cli.main(globals())
