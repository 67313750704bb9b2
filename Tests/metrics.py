#!/usr/bin/env python3
"""What the daemon exports, read by others: promtool, the strict OpenMetrics parser, a real Prometheus."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

PROFILES = ["empty", "idle", "training", "large", "hostile", "degraded"]
# DESIGN.md, section 8: 256 CPUs, 8 GPUs, 8 adapters, 4,000 threads.
MOST_SERIES = 2000
SERIES = re.compile(r'^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$')


def python_packages(folder):
    """Where the packages of tests lie; None when they cannot be had."""
    result = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder,
                             "prometheus-client==0.26.*"], capture_output=True, text=True)
    return result.returncode == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def until(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


class Prometheus:
    """A server that scrapes `targets` (address and path by job) once a second."""

    def __init__(self, folder, targets):
        self.port = free_port()
        jobs = [{"job_name": name, "metrics_path": path, "scrape_interval": "1s",
                 "static_configs": [{"targets": [address]}]}
                for name, (address, path) in targets.items()]
        config = pathlib.Path(folder, "prometheus.json")
        config.write_text(json.dumps({"scrape_configs": jobs}))
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def query(self, text):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": text})
        return json.loads(get(url))["data"]["result"]


class Bodies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="stoker-metrics-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        print(subprocess.run([SAMPLES, cls.folder], check=True, capture_output=True,
                             text=True).stdout, file=sys.stderr)
        cls.has_parser = python_packages(f"{cls.folder}/packages")
        sys.path.insert(0, f"{cls.folder}/packages")

    def each(self, ending):
        for profile in PROFILES:
            with self.subTest(profile=profile):
                yield profile, pathlib.Path(self.folder, f"{profile}.{ending}")

    def test_promtool_has_no_objection(self):
        for _, path in self.each("txt"):
            with open(path) as body:
                result = subprocess.run(["promtool", "check", "metrics"], stdin=body,
                                        capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_the_strict_parser_takes_it(self):
        if not self.has_parser:
            self.skipTest("prometheus-client cannot be had from PyPI")
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        for profile, path in self.each("om"):
            families = list(text_string_to_metric_families(path.read_text()))
            self.assertGreater(len(families), 10 if profile == "empty" else 20)

    def test_no_series_is_there_twice(self):
        for ending in ["txt", "om"]:
            for _, path in self.each(ending):
                seen = set()
                for line in path.read_text().split("\n"):
                    if not line or line.startswith("#"):
                        continue
                    found = SERIES.match(line)
                    self.assertTrue(found, repr(line))
                    key = found[1] + (found[2] or "")
                    self.assertNotIn(key, seen)
                    seen.add(key)
                    self.assertGreaterEqual(float(found[3]), 0)

    def test_there_are_not_too_many(self):
        for profile, path in self.each("txt"):
            series = sum(1 for line in path.read_text().splitlines() if not line.startswith("#"))
            self.assertLessEqual(series, MOST_SERIES, profile)

    def test_nothing_dangerous_stays_in_labels(self):
        text = pathlib.Path(self.folder, "hostile.txt").read_text()
        self.assertFalse([c for c in text if ord(c) < 32 and c != "\n" or 0x7f <= ord(c) <= 0x9f])
        self.assertNotIn("\u202e", text)
        self.assertIn('culprit="(other)"', text)

    def test_what_cannot_be_read_has_no_series(self):
        text = pathlib.Path(self.folder, "degraded.txt").read_text()
        self.assertIn('stoker_signal_up{signal="sched"} 0', text)
        self.assertIn('stoker_signal_up{signal="vmstat"} 1', text)
        self.assertNotIn("stoker_thread_seconds_total{", text)
        self.assertNotIn("stoker_gpu_", text)

    def test_gpus_are_as_their_driver_says(self):
        """The values of the profile's GPUs, which Tests/MetricsSamples made up."""
        text = pathlib.Path(self.folder, "training.txt").read_text()
        expected = {
            'clock_hertz{gpu="0000:3a:00.0",clock="sm"}': 1.98e9,
            'clock_hertz{gpu="0000:3a:00.0",clock="memory"}': 2.619e9,
            'power_watts{gpu="0000:3a:00.0"}': 498,
            'temperature_celsius{gpu="0000:3a:00.0",sensor="chip"}': 61,
            'temperature_celsius{gpu="0000:3a:00.0",sensor="memory"}': 74,
            'memory_used_bytes{gpu="0000:3a:00.0"}': 40 << 30,
        }
        for series, value in expected.items():
            found = [line.split()[1] for line in text.splitlines()
                     if line.startswith(f"stoker_gpu_{series} ")]
            self.assertEqual([float(number) for number in found], [value], series)

    def test_prometheus_scrapes_each(self):
        handler = partial(SimpleHTTPRequestHandler, directory=self.folder)
        handler.extensions_map = {".txt": "text/plain; version=0.0.4",
                                  ".om": "application/openmetrics-text; version=1.0.0"}
        SimpleHTTPRequestHandler.extensions_map.update(handler.extensions_map)
        SimpleHTTPRequestHandler.log_message = lambda *_: None
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        address = f"127.0.0.1:{server.server_port}"
        targets = {f"{p}-{e}": (address, f"/{p}.{e}") for p in PROFILES for e in ["txt", "om"]}
        with Prometheus(tempfile.mkdtemp(dir=self.folder), targets) as prometheus:
            self.assertTrue(until(lambda: len(prometheus.query("up == 1")) == len(targets), 60),
                            prometheus.query("up"))
            for profile in PROFILES:
                counts = {tuple(r["value"][1] for r in prometheus.query(
                    f'scrape_samples_scraped{{job="{profile}-{e}"}}')) for e in ["txt", "om"]}
                self.assertEqual(len(counts), 1, f"{profile}: the formats differ: {counts}")
            busy = prometheus.query('sum(stoker_gpu_busy_seconds_total{job="training-txt"})')
            self.assertEqual(float(busy[0]["value"][1]), 8 * 10 * 0.7)


class Live(unittest.TestCase):
    def test_prometheus_scrapes_the_daemon(self):
        folder = tempfile.mkdtemp(prefix="stoker-metrics-")
        self.addCleanup(shutil.rmtree, folder)
        address = f"127.0.0.1:{free_port()}"
        daemon = subprocess.Popen([STOKER, "daemon", "--listen", address, "--set",
                                   f"history.folder={folder}/history"], stderr=subprocess.PIPE)
        self.addCleanup(daemon.stderr.close)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        with Prometheus(folder, {"stoker": (address, "/metrics")}) as prometheus:
            self.assertTrue(until(lambda: prometheus.query("up == 1"), 60))
            self.assertTrue(until(lambda: prometheus.query("stoker_self_ticks_total > 8"), 60))
            cpus = prometheus.query(
                'sum(rate(stoker_cpu_seconds_total{class!="steal"}[5s]))')
            online = len(re.findall(r"^cpu\d", pathlib.Path("/proc/stat").read_text(), re.M))
            self.assertAlmostEqual(float(cpus[0]["value"][1]), online, delta=0.25 * online)
            self.assertTrue(prometheus.query('stoker_build_info{version!=""} == 1'))
            bounds = prometheus.query("stoker_runqueue_wait_seconds_bucket")
            roles = {row["metric"]["role"] for row in bounds}
            self.assertEqual(len(bounds), 23 * len(roles))


if __name__ == "__main__":
    STOKER = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".build/debug/stoker").resolve()
    SAMPLES = STOKER.parent / "metrics-samples"
    missing = [p for p in ["promtool", "prometheus"] if not shutil.which(p)]
    if missing:
        print(f"skipped: no {' and no '.join(missing)}", file=sys.stderr)
        sys.exit(0)
    unittest.main()
