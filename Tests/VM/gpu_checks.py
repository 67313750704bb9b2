"""Errors of GPUs as the driver itself reports them, from a module that has NVIDIA's tracepoint."""

import json

from guest import Trouble
from scenario import Missed

# 79: the GPU has fallen off the bus.
CODE = 79
MODULE = "/driver/nvidia.ko"
PARAMETER = "/sys/module/nvidia/parameters/xid"


def device_of(guest):
    """Any PCI device: which it is does not matter to a report."""
    return guest.do("ls /sys/bus/pci/devices | tail -n 1").strip()


def xids(guest, shape, kernel):
    """Reported during a look: found, told of the right GPU, and nothing of it is from the log."""
    device = device_of(guest)
    guest.do(f"insmod {MODULE}")
    try:
        rows = [row for row in guest.type("stoker check").out.splitlines() if "nvidia_dev_xid" in row]
        if len(rows) != 1 or not rows[0].startswith("  ok "):
            raise Missed(f"the tracepoint: {rows}")
        out = "/tmp/xid.json"
        # The look begins a moment after the probe is attached.
        guest.do(f"stoker diagnose --duration 10s --format json --output {out} >/tmp/xid.log 2>&1 & "
                 "while ! grep -qs nvidia_dev_xid /proc/$!/fdinfo/*; do sleep 0.1; done; sleep 4; "
                 f"echo {device} {CODE} > {PARAMETER}; wait $! || [ $? = 1 ]")
        if guest.type("dmesg | grep -i xid").status == 0:
            raise Trouble("the log tells of it too")
        expect(json.loads(guest.read(out)), device)
    finally:
        left = guest.lives and guest.type("rmmod nvidia").status
    if left:
        raise Missed("the driver cannot be unloaded after a diagnosis")
    return f"XID {CODE} of {device}"


def expect(report, device):
    found = [f for f in report["findings"] if f["rule"] == "gpu-ecc-remap-xid"]
    if len(found) != 1 or found[0]["severity"] != "critical":
        raise Missed(f"{[f['summary'] for f in report['findings']]}")
    if device not in found[0]["summary"] or f"XID {CODE}" not in found[0]["summary"]:
        raise Missed(found[0]["summary"])
