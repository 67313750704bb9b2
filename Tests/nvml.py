#!/usr/bin/env python3
"""Compares what Stoker reads of NVML with NVIDIA's own Python bindings, on the fake library of
Tests/NVML; and runs the command on it as a user would."""

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STOKER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/debug/stoker").resolve()
FAKE = ROOT / ".build/nvml"
WORKER = "stoker-gpu"

SCENARIO = """driver 570.86.15
epoch {epoch}
gpu 0 pci=0000:1b:00.0 name=NVIDIA_H100_80GB_HBM3 uuid=GPU-0a pids=5000,5001,4194303
set gpu=0 util=64 sm=1755 mem=2619 temp=61 mem_temp=77 power=512300 limit=650000 reasons=0x44
set gpu=0 used=77309411328 gen=5 width=8 replays=3 policy_thermal=0.25 policy_power=0.5
set gpu=0 ecc_corrected=12 ecc_uncorrected=1 remap_corrected=2 remap_uncorrected=3 remap_pending=1
set gpu=0 nvlink_tx=1e6 nvlink_rx=2e6 gpm=1
gpu 1 pci=0000:c3:00.0 name=NVIDIA_H100_80GB_HBM3 uuid=GPU-1b minor=7 persistence=0
"""


class Difference(Exception):
    """What Stoker and NVIDIA's bindings do not agree about."""


def expect(condition, what):
    if not condition:
        raise Difference(what)


def same(what, ours, theirs):
    expect(ours == theirs, f"{what}: stoker {ours!r}, pynvml {theirs!r}")


def near(what, ours, theirs, slack):
    expect(ours is not None and abs(ours - theirs) <= slack,
           f"{what}: stoker {ours!r}, pynvml {theirs!r}")


def ask(worker, number, milliseconds=5000):
    request = {"id": number, "without": [], "milliseconds": milliseconds}
    worker.stdin.write(json.dumps(request).encode() + b"\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def compare_facts(nvml, handle, facts):
    same("name", facts["name"], nvml.nvmlDeviceGetName(handle))
    same("uuid", facts["uuid"], nvml.nvmlDeviceGetUUID(handle))
    same("minor", facts["minor"], nvml.nvmlDeviceGetMinorNumber(handle))
    same("memory", facts["memoryBytes"], nvml.nvmlDeviceGetMemoryInfo(handle).total)
    same("driver", facts["driverVersion"], nvml.nvmlSystemGetDriverVersion())
    same("persistence", facts["hasPersistence"], nvml.nvmlDeviceGetPersistenceMode(handle) == 1)
    same("MIG", facts["hasMIG"], nvml.nvmlDeviceGetMigMode(handle)[0] == 1)
    same("limit", facts["enforcedPowerMilliwatts"], nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
    same("default limit", facts["defaultPowerMilliwatts"],
         nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle))
    same("highest clock", facts["maxSMMegahertz"],
         nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM))
    same("link", (facts["maxLinkGeneration"], facts["maxLinkLanes"]),
         (nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle),
          nvml.nvmlDeviceGetMaxPcieLinkWidth(handle)))


def compare_gauges(nvml, handle, reading):
    same("clock", reading["smMegahertz"], nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM))
    same("memory clock", reading["memoryMegahertz"],
         nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM))
    same("temperature", reading["celsius"],
         nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    same("power", reading["milliwatts"], nvml.nvmlDeviceGetPowerUsage(handle))
    same("memory used", reading["memoryUsedBytes"], nvml.nvmlDeviceGetMemoryInfo(handle).used)
    same("reasons", reading["limits"]["bits"],
         nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
    same("link", (reading["link"]["generation"], reading["link"]["lanes"]),
         (nvml.nvmlDeviceGetCurrPcieLinkGeneration(handle),
          nvml.nvmlDeviceGetCurrPcieLinkWidth(handle)))
    same("processes", sorted(reading["processes"]),
         sorted(p.pid for p in nvml.nvmlDeviceGetComputeRunningProcesses(handle)))
    health = reading["health"]
    corrected, uncorrected, pending, failed = nvml.nvmlDeviceGetRemappedRows(handle)
    same("rows", (health["remappedCorrected"], health["remappedUncorrected"],
                  health["isPending"], health["hasFailed"]),
         (corrected, uncorrected, bool(pending), bool(failed)))
    same("errors", [health["corrected"], health["uncorrected"]],
         [nvml.nvmlDeviceGetTotalEccErrors(handle, kind, nvml.NVML_VOLATILE_ECC)
          for kind in (nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
                       nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED)])


def compare_counters(nvml, handle, reading):
    """Totals that grow while both read them: half a second of growth is allowed."""
    def field(number, scope=0):
        value = nvml.nvmlDeviceGetFieldValues(handle, [(number, scope)])[0]
        same(f"field {number}", 0, value.nvmlReturn)
        return value.value.ullVal

    throttled = reading["limits"]["throttled"]
    near("energy", reading["energyMillijoules"],
         nvml.nvmlDeviceGetTotalEnergyConsumption(handle), 300_000)
    near("thermal", throttled["thermal"], field(nvml.NVML_FI_DEV_PERF_POLICY_THERMAL), 5e8)
    near("power", throttled["power"], field(nvml.NVML_FI_DEV_PERF_POLICY_POWER), 5e8)
    near("violation", throttled["thermal"],
         nvml.nvmlDeviceGetViolationStatus(handle, nvml.NVML_PERF_POLICY_THERMAL).violationTime,
         5e8)
    near("NVLink sent", reading["link"]["nvlinkSentBytes"],
         field(nvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, 0xffffffff) * 1024, 1e9)
    near("replays", reading["link"]["replays"], nvml.nvmlDeviceGetPcieReplayCounter(handle), 2)


def compare(nvml, library):
    worker = subprocess.Popen([STOKER, "gpu-worker", "--nvml", library], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = ask(worker, 1)
    same("GPUs", len(first["devices"]), nvml.nvmlDeviceGetCount())
    expect("library" not in first, f"library {first.get('library')}")
    time.sleep(3)
    answer = ask(worker, 2)
    for device in answer["devices"]:
        handle = nvml.nvmlDeviceGetHandleByPciBusId(device["pci"].encode())
        pci = nvml.nvmlDeviceGetPciInfo(handle)
        same("address", device["pci"], f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0")
        compare_facts(nvml, handle, device["facts"])
        compare_gauges(nvml, handle, device["reading"])
        compare_counters(nvml, handle, device["reading"])
    activity = answer["devices"][0]["reading"]["activity"]
    share = activity["active"] / activity["observed"]
    near("activity", share * 100, nvml.nvmlDeviceGetUtilizationRates(
        nvml.nvmlDeviceGetHandleByIndex(0)).gpu, 2)
    worker.stdin.close()
    expect(worker.wait(timeout=10) == 0, "the worker did not end with its input")


# The command as a whole.

def children(pid):
    """Names of the processes that `pid` started."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:]
        if int(rest.split()[1]) == pid and rest[0] != "Z":
            found[int(status.parent.name)] = name
    return found


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, f"no {what} within {seconds} s")
        time.sleep(0.05)


def started(*arguments):
    environment = {name: text for name, text in os.environ.items() if name != "STOKER_NVML"}
    return subprocess.Popen([STOKER, *arguments], stdin=subprocess.DEVNULL, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def report(library):
    """A job that computes nothing: the worker is neither part of it nor shown as one."""
    process = started("diagnose", "--nvml", library, "--duration", "4s", "--format", "json", "--",
                      "sleep", "3")
    out, error = process.communicate(timeout=120)
    expect(process.returncode in (0, 1), f"exit {process.returncode}: {error!r}")
    told = json.loads(out)
    same("GPUs in the report", told["host"]["gpus"], 2)
    coverage = {entry["signal"]: entry for entry in told["coverage"]}["gpu"]
    expect(coverage["state"] == "ok" or "XID" in coverage["reason"], f"coverage {coverage}")
    findings = {finding["rule"]: finding for finding in told["findings"]}
    # 0x40 all the time, a pending row, and persistence mode off on the other one.
    same("heat", findings["gpu-thermal"]["severity"], "critical")
    same("rows", findings["gpu-ecc-remap-xid"]["severity"], "warning")
    same("persistence", findings["gpu-persistence"]["severity"], "info")
    same("verdict", told["verdict"], "not-host")
    expect(WORKER not in json.dumps(told["training"]), f"the worker is in {told['training']}")


def whole_host(library):
    """The worker is no program of the host that could be slowed down."""
    process = started("diagnose", "--nvml", library, "--duration", "3s", "--format", "json")
    out, error = process.communicate(timeout=120)
    expect(process.returncode in (0, 1), f"exit {process.returncode}: {error!r}")
    expect(WORKER not in json.dumps(json.loads(out)["processes"]), "the worker is among programs")


def check(library):
    process = started("check", "--nvml", library)
    out, _ = process.communicate(timeout=120)
    expect("NVIDIA H100 80GB HBM3, driver 570.86.15" in out.decode(), out.decode())


def lifetime(library):
    """Without a GPU no child is started; with one it goes with its parent, however that ends."""
    if not any(pathlib.Path(path).exists() for path in ["/proc/driver/nvidia", "/dev/nvidiactl"]):
        plain = started("diagnose", "--duration", "3s")
        time.sleep(1.5)
        same("children without a GPU", children(plain.pid), {})
        plain.kill()
        plain.communicate()
    for end in [signal.SIGKILL, signal.SIGINT]:
        process = started("diagnose", "--nvml", library, "--duration", "60s")
        wait_for("worker", lambda: WORKER in children(process.pid).values())
        worker = next(iter(children(process.pid)))
        process.send_signal(end)
        process.communicate(timeout=30)
        wait_for("end of the worker", lambda: not pathlib.Path(f"/proc/{worker}").exists())


def main():
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder, "libnvidia-ml.so.1")
        library.symlink_to(FAKE / "r9999/libnvidia-ml.so.1")
        scenario = SCENARIO.format(epoch=time.monotonic() - 5)
        pathlib.Path(folder, "scenario").write_text(scenario)
        # The bindings ask for the library by name, and get the one that is there already.
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        sys.path.insert(0, str(FAKE / "python"))
        import pynvml as nvml
        nvml.nvmlInit()
        compare(nvml, library)
        check(library)
        report(library)
        whole_host(library)
        lifetime(library)
    print("agrees  NVML")


if __name__ == "__main__":
    try:
        main()
    except Difference as difference:
        sys.exit(f"FAILED  {difference}")
