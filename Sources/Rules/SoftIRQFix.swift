import Host
import Signals
import Training

let squeezeLimit = Limit(10, "/s", source: "judgement")
/// An interface that interrupts a CPU less often does not fill it with packets.
private let interfaceRate = Limit(100, "interrupts/s", source: "judgement")

extension Observation {
    /// Gets launch threads out of the way of one type of soft interrupt.
    func softInterruptFix(
        _ type: String, _ soft: SoftIRQs, _ busy: CPUList, _ hit: [ThreadActivity],
        _ threads: Threads
    ) -> Fix {
        let bound = Array(hit.filter { isCritical($0) }.prefix(8))
        let binding = binding(bound, to: away(from: busy, in: threads))
        let isNetwork = type == "NET_RX" || type == "NET_TX"
        let budget = isNetwork ? budget(soft) : ([], [])
        let cards = isNetwork ? firingCards(on: busy) : []
        let moved = cards.map { interruptFix($0, busy, [], threads) }
        let isUnknown = isNetwork && cards.isEmpty
        let check = isUnknown ? ["grep -H '[1-9a-f]' /sys/class/net/*/queues/rx-*/rps_cpus"] : []
        return Fix(
            commands: (moved.flatMap(\.commands) + check + binding.to + budget.0).or(
                "# run what causes this work on other CPUs"),
            persist: moved.flatMap(\.persist),
            rollback: moved.flatMap(\.rollback) + binding.back + budget.1,
            risk: advice(type, busy, cards) + """
                 A bound thread cannot leave its CPUs when they are busy.
                """,
            managedBy: isNetwork ? manager("irqbalance", "tuned") : nil)
    }

    /// One interrupt of each network device that interrupts `busy` often, the busiest first.
    private func firingCards(on busy: CPUList) -> [InterruptLine] {
        let lines = (try? whole(Interrupts.self))?.lines ?? []
        let cards = facts.devices.filter { $0.kind == .network || $0.kind == .fabric }
        let firing = cards.compactMap { card -> (line: InterruptLine, count: UInt64)? in
            let own = lines.filter { $0.irq.map(card.interrupts.contains) ?? false }
            let count = own.reduce(UInt64(0)) { $0 &+ $1.counts.total(on: busy) }
            guard interfaceRate.isReached(by: whole.perSecond(count)) else { return nil }
            return own.max { $0.counts.total(on: busy) < $1.counts.total(on: busy) }
                .map { ($0, count) }
        }
        return firing.sorted { $0.count > $1.count }.map(\.line)
    }

    private func advice(_ type: String, _ busy: CPUList, _ cards: [InterruptLine]) -> String {
        let kept = facts.topology.split?.housekeeping
        switch type {
        case "NET_RX", "NET_TX":
            let mask = kept.map { "\($0.mask) (CPUs \($0.description))" } ?? "0"
            let from =
                cards.isEmpty
                ? """
                Which interface the packets belong to cannot be seen from here. The first \
                command only lists queues that spread their packets over CPUs: where a mask holds \
                training CPUs, write \(mask) into that file, or 0 to switch it off.
                """
                : """
                The packets come with the interrupts that are moved; some virtual devices refuse \
                the write, and queues with a mask in rps_cpus spread their packets further.
                """
            return """
                \(from) Run heavy senders and receivers on other CPUs than \
                \(busy.description): taskset -c \(kept?.description ?? "LIST") COMMAND.
                """
        case "BLOCK", "IRQ_POLL":
            return """
                Disk requests are finished where they were submitted: run what reads and writes \
                (loaders, checkpoints) on other CPUs than \(busy.description).
                """
        default:
            return """
                \(type) is the kernel's own work on that CPU (timers, scheduler, RCU); programs \
                with many timers or short-lived objects cause it and must run elsewhere.
                """
        }
    }

    /// A larger poll budget, where polls are cut short or packets dropped.
    private func budget(_ soft: SoftIRQs) -> ([String], [String]) {
        guard squeezeLimit.isReached(by: whole.perSecond(soft.squeezed)) || soft.dropped > 0 else {
            return ([], [])
        }
        let packets = facts.settings.number("net.core.netdev_budget") ?? 300
        let time = facts.settings.number("net.core.netdev_budget_usecs") ?? 2_000
        guard packets < 600 || time < 4_000 else { return ([], []) }
        return (
            [
                "sysctl -w net.core.netdev_budget=\(max(packets, 600))",
                "sysctl -w net.core.netdev_budget_usecs=\(max(time, 4_000))",
            ],
            [
                "sysctl -w net.core.netdev_budget=\(packets)",
                "sysctl -w net.core.netdev_budget_usecs=\(time)",
            ]
        )
    }
}
