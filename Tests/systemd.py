#!/usr/bin/env python3
"""The units under a real systemd: started, scored, reloaded, killed, hung, stopped."""

import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import container

PROJECT = pathlib.Path(__file__).resolve().parent.parent
UNIT = "stoker.service"
ADDRESS = "http://127.0.0.1:19941"
# systemd-analyze counts tenths: 2.0.
HIGHEST_EXPOSURE = 20
CAP_BPF, CAP_PERFMON = 39, 38
SHORT_WATCHDOG = "[Service]\nWatchdogSec=3\nTimeoutStopSec=2\nTimeoutAbortSec=1\n"


def installed(binary, folder):
    """What `make install` puts into an empty system."""
    subprocess.run(["make", "--silent", "-C", PROJECT, "--old-file=release", "install",
                    f"STOKER={binary}", f"DESTDIR={folder}"], check=True)
    return folder


def programs():
    """The probes of Stoker in this kernel, whoever loaded them, by their numbers."""
    text = subprocess.run(["bpftool", "--json", "prog", "show"], capture_output=True).stdout
    return {p["id"] for p in json.loads(text or b"[]") if p.get("name") == "on_switch"}


def until(condition, seconds):
    """Whether it comes true in time, and when."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Scored(unittest.TestCase):
    def test_exposure_is_low(self):
        result = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--no-pager",
             f"--threshold={HIGHEST_EXPOSURE}", PROJECT / "systemd" / UNIT],
            capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout[-2000:] + result.stderr)


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if reason := container.why_not():
            raise unittest.SkipTest(reason)
        cls.folder = tempfile.mkdtemp(prefix="stoker-installed-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.others = programs()
        machine = container.Container(installed(BINARY, cls.folder))
        machine.write("/etc/systemd/system/stoker.service.d/test.conf", SHORT_WATCHDOG)
        cls.machine = cls.enterClassContext(machine)

    def setUp(self):
        self.machine.systemctl("reset-failed", UNIT)
        started = self.machine.systemctl("start", "stoker.socket", UNIT)
        self.assertEqual(started.returncode, 0, started.stderr + self.machine.journal(UNIT))

    def get(self, path):
        result = self.machine.run("curl", "--silent", "--show-error", "--max-time", "20",
                                  "--write-out", "\n%{http_code}", ADDRESS + path)
        body, _, code = result.stdout.rpartition("\n")
        return int(code or 0), body

    def is_ready(self):
        return self.get("/readyz")[0] == 200

    def test_probes_load_with_two_capabilities(self):
        self.assertTrue(until(self.is_ready, 20), self.machine.journal(UNIT))
        status = pathlib.Path(f"/proc/{self.machine.pid(UNIT)}/status").read_text()
        fields = dict(re.findall(r"(\w+):\t(\w+)", status))
        wanted = 1 << CAP_BPF | 1 << CAP_PERFMON
        for name in ["CapEff", "CapPrm", "CapBnd", "CapAmb"]:
            self.assertLessEqual(int(fields[name], 16), wanted, name)
        self.assertEqual(int(fields["CapEff"], 16), wanted)
        self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))
        self.assertNotEqual(fields["Uid"], "0")
        report = json.loads(self.get("/report")[1])
        sched = [s for s in report["coverage"] if s["signal"] == "sched"]
        self.assertTrue(sched and sched[0]["state"] != "missing", sched)
        self.assertNotIn("a probe is missing", self.machine.journal(UNIT))

    def test_metrics_page_and_health_are_there(self):
        self.assertTrue(until(self.is_ready, 20))
        self.assertEqual(self.get("/healthz")[0], 200)
        code, metrics = self.get("/metrics")
        self.assertEqual(code, 200)
        self.assertIn("stoker_build_info", metrics)
        self.assertIn("</html>", self.get("/")[1])

    def test_history_is_private(self):
        folder = self.machine.root / "var/lib/private/stoker"
        self.assertTrue(until(lambda: list(folder.glob("stoker-*.db")), 20))
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        for file in folder.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)

    def test_a_broken_file_changes_nothing(self):
        path = "/etc/stoker/config.yaml"
        pid = self.machine.pid(UNIT)
        self.machine.write(path, "tikc: 1s\n")
        self.addCleanup((self.machine.root / path.lstrip("/")).unlink)
        self.machine.systemctl("reload", UNIT)
        self.assertTrue(until(lambda: "unknown key" in self.machine.journal(UNIT), 5),
                        self.machine.journal(UNIT))
        self.assertIn('did you mean "tick"', self.machine.journal(UNIT))
        self.machine.write(path, "window: 12s\n")
        self.machine.systemctl("reload", UNIT)
        self.assertTrue(until(lambda: "a setting has changed" in self.machine.journal(UNIT), 5))
        self.assertEqual(self.machine.pid(UNIT), pid)

    def test_a_hung_loop_is_started_anew(self):
        restarts = int(self.machine.show(UNIT, "NRestarts"))
        os.kill(self.machine.pid(UNIT), signal.SIGSTOP)
        self.assertTrue(
            until(lambda: int(self.machine.show(UNIT, "NRestarts")) > restarts, 20),
            self.machine.journal(UNIT))
        self.assertTrue(until(self.is_ready, 20), self.machine.journal(UNIT))

    def test_killed_it_comes_back_and_leaves_no_probe(self):
        self.assertTrue(until(self.is_ready, 20))
        old = programs() - self.others
        self.assertTrue(old)
        os.kill(self.machine.pid(UNIT), signal.SIGKILL)
        self.assertTrue(until(lambda: not old & programs(), 1))
        self.assertTrue(until(self.is_ready, 15), self.machine.journal(UNIT))
        self.assertEqual(len(programs() - self.others), 1)

    def test_a_stop_takes_a_second_and_leaves_nothing(self):
        self.assertTrue(until(self.is_ready, 20))
        begin = time.monotonic()
        self.machine.systemctl("stop", UNIT)
        self.assertLess(time.monotonic() - begin, 1.5)
        self.assertEqual(self.machine.show(UNIT, "Result"), "success")
        self.assertTrue(until(lambda: programs() <= self.others, 1))

    def test_a_request_starts_it(self):
        self.machine.systemctl("stop", UNIT)
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertEqual(self.machine.show(UNIT, "ActiveState"), "active")


if __name__ == "__main__":
    BINARY = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".build/release/stoker").resolve()
    unittest.main()
