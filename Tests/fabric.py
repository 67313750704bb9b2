#!/usr/bin/env python3
"""Compares the InfiniBand ports and counters of `stoker topology` with Prometheus' node_exporter:
both read the same described host."""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import topology

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What node_exporter calls the files of the folder `counters`.
METRICS = {
    "VL15_dropped": "vl15_dropped_total",
    "excessive_buffer_overrun_errors": "excessive_buffer_overrun_errors_total",
    "link_downed": "link_downed_total",
    "link_error_recovery": "link_error_recovery_total",
    "local_link_integrity_errors": "local_link_integrity_errors_total",
    "multicast_rcv_packets": "multicast_packets_received_total",
    "multicast_xmit_packets": "multicast_packets_transmitted_total",
    "port_rcv_constraint_errors": "port_constraint_errors_received_total",
    "port_rcv_data": "port_data_received_bytes_total",
    "port_rcv_errors": "port_errors_received_total",
    "port_rcv_packets": "port_packets_received_total",
    "port_rcv_remote_physical_errors": "port_receive_remote_physical_errors_total",
    "port_rcv_switch_relay_errors": "port_receive_switch_relay_errors_total",
    "port_xmit_constraint_errors": "port_constraint_errors_transmitted_total",
    "port_xmit_data": "port_data_transmitted_bytes_total",
    "port_xmit_discards": "port_discards_transmitted_total",
    "port_xmit_packets": "port_packets_transmitted_total",
    "port_xmit_wait": "port_transmit_wait_total",
    "symbol_error": "symbol_error_total",
    "unicast_rcv_packets": "unicast_packets_received_total",
    "unicast_xmit_packets": "unicast_packets_transmitted_total",
}
WORDS = {"port_rcv_data", "port_xmit_data"}  # of four bytes
STATES = {"DOWN": 1, "INIT": 2, "ARMED": 3, "ACTIVE": 4, "ACTIVE_DEFER": 5}
PHYSICAL = {"Polling": 2, "Disabled": 3, "LinkUp": 5}
# The counter that a port does not have is written as the kernel writes it.
ABSENT = "N/A (no PMA)"


class Difference(Exception):
    """What Stoker and node_exporter do not agree about."""


# A described host: three devices, one of two ports.

PORTS = [
    ("mlx5_0", 1, "4: ACTIVE", "5: LinkUp", "400 Gb/sec (4X NDR)"),
    ("mlx5_9", 1, "4: ACTIVE", "5: LinkUp", "200 Gb/sec (2X NDR)"),
    ("mlx4_0", 1, "4: ACTIVE", "5: LinkUp", "56 Gb/sec (4X FDR)"),
    ("mlx4_0", 2, "1: DOWN", "2: Polling", "10 Gb/sec (4X SDR)"),
]


def value(port, index):
    """Different for each counter of each port; the data counters need more than 32 bits."""
    return (port + 1) * 1_000_003 + index * 7 + (index % 3) * (1 << 41)


def describe(root):
    topology.describe(root)
    for number, (device, port, state, physical, rate) in enumerate(PORTS):
        base = pathlib.Path(root, "sys/class/infiniband", device)
        folder = base / "ports" / str(port)
        files = {base / "fw_ver": "28.39.3004", base / "board_id": "MT_0000000838",
                 base / "hca_type": "MT4129", folder / "state": state,
                 folder / "phys_state": physical, folder / "rate": rate,
                 folder / "link_layer": "InfiniBand"}
        for index, name in enumerate(METRICS):
            missing = number == 3 and name == "port_xmit_wait"
            files[folder / "counters" / name] = ABSENT if missing else value(number, index)
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")


# What node_exporter says.

@contextlib.contextmanager
def exporter(root):
    command = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if command is None:
        raise Difference("there is no node_exporter: install Debian's prometheus-node-exporter")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
    process = subprocess.Popen(
        [command, "--collector.disable-defaults", "--collector.infiniband",
         f"--path.sysfs={root}/sys", f"--path.procfs={root}/proc",
         f"--web.listen-address={address}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield address
    finally:
        process.kill()
        process.wait()


def scrape(address):
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def expected(text):
    """By device, port and metric."""
    found = {}
    pattern = r'^node_infiniband_(\w+){device="([^"]+)",port="(\d+)"} (\S+)$'
    for metric, device, port, number in re.findall(pattern, text, re.MULTILINE):
        found[device, int(port), metric] = float(number)
    return found


# What Stoker says.

def told(report):
    found = {}
    for port in report["ports"]:
        key = port["device"], port["port"]
        found[*key, "state_id"] = STATES[port["state"]]
        found[*key, "physical_state_id"] = PHYSICAL[port["physicalState"]]
        found[*key, "rate_bytes_per_second"] = port["gigabitsPerSecond"] * 1e9 / 8
        for name, count in port["counters"].items():
            found[*key, METRICS[name]] = count * (4 if name in WORDS else 1)
    return found


def main():
    binary = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/debug/stoker")
    with tempfile.TemporaryDirectory() as root:
        describe(root)
        result = subprocess.run(
            [binary.resolve(), "topology", "--format", "json", "--root", root], check=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        ours = told(json.loads(result.stdout))
        with exporter(root) as address:
            theirs = expected(scrape(address))
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            raise Difference(f"{key}: stoker {ours.get(key)}, node_exporter {theirs.get(key)}")
    if len(ours) < len(PORTS) * len(METRICS):
        raise Difference(f"only {len(ours)} figures")
    print(f"ok      InfiniBand: {len(PORTS)} ports, {len(ours)} figures")


if __name__ == "__main__":
    try:
        main()
    except Difference as difference:
        sys.exit(f"FAILED  {difference}")
