"""Soft RoCE: RDMA over a pair of virtual interfaces, so that real hw_counters move."""

import json

from scenario import BAD, Missed, NotInjected, text_of

# Of the other flavour of Debian's kernel: the cloud's has no rdma_rxe, and nothing loads modules in
# the guest on demand, so what it asks for by name (crc32) is named here.
FLAVOUR = "amd64"
MODULES = ["veth", "ib_uverbs", "crc32_generic", "rdma_rxe"]
COMMANDS = ["ip", "rdma", "ibv_rc_pingpong"]
# libibverbs loads the part for rxe by name.
PROVIDER = "/usr/lib/x86_64-linux-gnu/libibverbs/librxe-rdmav*.so"
DRIVER = "/etc/libibverbs.d/rxe.driver"

ADDRESS, GID = "10.7.0.1", "0000:0000:0000:0000:0000:ffff:0a07:0001"
# Under TCG a message of 64 KiB, 64 packets there and 64 back, takes some 20 ms.
MESSAGES, MESSAGE_BYTES = 200, 65536
PORT = "/sys/class/infiniband/rxe0/ports/1"


def arrange(guest):
    """Makes the device; the index of the address that pingpong has to use."""
    # By its whole path: busybox's own `ip` would be taken, and knows no pairs.
    guest.do("ip=/bin/ip; $ip link add v0 type veth peer name v1 && "
             f"$ip addr add {ADDRESS}/24 dev v0 && $ip link set v0 up && $ip link set v1 up && "
             "rdma link add rxe0 type rxe netdev v0")
    for index, gid in enumerate(guest.do(f"cd {PORT}/gids; for i in 0 1 2 3; do cat $i; done")
                                .split()):
        if gid == GID:
            return index
    raise NotInjected(f"no GID of {ADDRESS}")


def counters(guest):
    lines = guest.do(f"cd {PORT}/hw_counters; for n in *; do echo $n $(cat $n); done")
    found = dict(line.split() for line in lines.splitlines())
    found.pop("lifespan", None)
    return {name: int(value) for name, value in found.items()}


def check(guest, shape, kernel, folder):
    """Ping-pong under `stoker diagnose`: what it tells is what the kernel counted."""
    index = arrange(guest)
    words = f"ibv_rc_pingpong -d rxe0 -g {index} -n {MESSAGES} -s {MESSAGE_BYTES}"
    guest.start(words, ready=False)
    guest.do("sleep 1")
    before = counters(guest)
    answer = guest.type("stoker diagnose --duration 80s --format json --output /tmp/roce.json "
                        f"-- {words} {ADDRESS}")
    after = counters(guest)
    if answer.status not in (0, 1):
        raise Missed(f"diagnose: status {answer.status}: {answer.err.strip()}")
    report = json.loads(guest.read("/tmp/roce.json"))
    (folder / "soft-roce.json").write_text(json.dumps(report, indent=1))
    grown = {name: after[name] - before[name] for name in after}
    least = MESSAGES * MESSAGE_BYTES // 1024
    if grown["sent_pkts"] < least:
        raise NotInjected(f"only {grown['sent_pkts']} packets: {answer.out[-300:]}")
    judge(report, grown)
    expect_map(json.loads(guest.do("stoker topology --format json")), after)
    return f"{grown['sent_pkts']} packets; {len(grown)} counters as the kernel's"


def judge(report, grown):
    (signal,) = [row for row in report["coverage"] if row["signal"] == "fabric"]
    if signal["state"] != "ok":
        raise Missed(f"fabric is {signal['state']}: {signal['reason']}")
    (port,) = report["fabric"]["ports"]
    expect_port(port)
    # The kernel answers from its memory for some milliseconds, and late packets may follow.
    told = port["hardwareCounters"]
    if told.keys() != grown.keys():
        raise Missed(f"counters {sorted(told)}, not {sorted(grown)}")
    for name, count in grown.items():
        if abs(told[name] - count) > max(3, count // 100):
            raise Missed(f"{name}: {told[name]}, not {count}")
    blamed = [f for f in report["findings"]
              if f["severity"] in BAD and f["cause"] in ("fabric-congestion", "fabric-error")]
    if blamed:
        raise Missed(f"software is no fabric: {text_of(blamed[0])}")


def expect_port(port):
    wanted = {"device": "rxe0", "port": 1, "address": None, "interface": "v0", "node": None,
              "linkLayer": "Ethernet", "state": "ACTIVE", "physicalState": "LinkUp",
              "mtu": 1500, "counters": {}}
    wrong = {name: port[name] for name, value in wanted.items() if port[name] != value}
    if wrong:
        raise Missed(f"port: {wrong}")


def expect_map(report, counted):
    (port,) = report["ports"]
    expect_port(port)
    if port["hardwareCounters"]["sent_pkts"] < counted["sent_pkts"]:
        raise Missed(f"topology: {port['hardwareCounters']}, before {counted}")
