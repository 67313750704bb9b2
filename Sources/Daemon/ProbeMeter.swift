import BPF
package import Signals

/// What the probes cost. The kernel counts it exactly, at a price, where it lets us: so it does for
/// one tick in ten. Elsewhere events are counted by other means, and each is taken to cost what it
/// cost on the machine where Stoker was measured.
package struct ProbeMeter: ~Copyable {
    /// One tick in so many is counted by the kernel.
    private static let ticksBetween = 10
    /// ns of a run by hook; docs/performance figures of a virtual machine, dearer than most hosts.
    private static let usualNanoseconds: [String: Double] = [
        "sched_switch": 221, "irq_handler_entry": 60, "irq_handler_exit": 130,
        "local_timer_entry": 60, "local_timer_exit": 80, "softirq_entry": 60, "softirq_exit": 90,
    ]

    private var statistics: RunStatistics?
    /// Why the kernel does not count; `nil` when it does.
    package private(set) var refusal: String?
    private var before: [HookCost] = []
    private var tick = 0
    /// By hook, a second of wall time, as last measured or estimated.
    private var rates: [String: Rate] = [:]
    package private(set) var totals: [ProbeTotal] = []

    private struct Rate {
        var probe: String
        var runs: Double
        var seconds: Double
    }

    package init() {}

    /// Seconds of CPU time that each hook takes in a second.
    package var secondsPerSecond: [String: Double] { rates.mapValues(\.seconds) }

    /// To be called once a tick, with what happened in it.
    package mutating func note(_ source: Source, _ step: Window) {
        tick += 1
        if statistics != nil {
            measure(source.costs, step.seconds)
            statistics = nil
        } else if refusal == nil && tick % Self.ticksBetween == 1 {
            do throws(ProbeError) {
                before = source.costs
                statistics = try RunStatistics()
            } catch {
                refusal = error.reason
            }
        }
        if refusal != nil { estimate(source.hooks, step) }
        addUp(source.hooks, step.seconds)
    }

    private mutating func measure(_ now: [HookCost], _ seconds: Double) {
        guard seconds > 0 else { return }
        var earlier: [String: HookCost] = [:]
        for cost in before { earlier[cost.hook] = cost }
        for cost in now {
            let old = earlier[cost.hook]
            let runs = growth(cost.runs, old?.runs ?? 0)
            let nanoseconds = growth(cost.nanoseconds, old?.nanoseconds ?? 0)
            rates[cost.hook] = Rate(
                probe: cost.probe, runs: Double(runs) / seconds,
                seconds: Double(nanoseconds) / 1e9 / seconds)
        }
    }

    private mutating func estimate(_ hooks: [HookState], _ step: Window) {
        let events = Self.events(in: step)
        for hook in hooks {
            guard let usual = Self.usualNanoseconds[hook.hook] else { continue }
            let runs = hook.reason == nil ? step.perSecond(events[hook.hook] ?? 0) : 0
            rates[hook.hook] = Rate(probe: hook.probe, runs: runs, seconds: runs * usual / 1e9)
        }
    }

    /// Times that hooks were passed, as /proc tells.
    private static func events(in step: Window) -> [String: UInt64] {
        var events: [String: UInt64] = [:]
        if let cpus = try? step(CPUs.self) { events["sched_switch"] = cpus.contextSwitches }
        if let interrupts = try? step(Interrupts.self) {
            for line in interrupts.lines {
                let count = line.counts.reduce(0, &+)
                let hooks =
                    line.irq != nil
                    ? ["irq_handler_entry", "irq_handler_exit"]
                    : ["LOC": ["local_timer_entry", "local_timer_exit"]][line.label] ?? []
                for hook in hooks { events[hook, default: 0] &+= count }
            }
        }
        if let softirqs = try? step(SoftIRQs.self) {
            let count = softirqs.lines.reduce(0) { $0 &+ $1.counts.reduce(0, &+) }
            for hook in ["softirq_entry", "softirq_exit"] { events[hook] = count }
        }
        return events
    }

    private mutating func addUp(_ hooks: [HookState], _ seconds: Double) {
        var sums: [String: ProbeTotal] = [:]
        for total in totals { sums[total.hook] = total }
        for hook in hooks where hook.hook != "*" {
            var sum = sums[hook.hook] ?? ProbeTotal(probe: hook.probe, hook: hook.hook)
            sum.isAttached = hook.reason == nil
            if sum.isAttached, let rate = rates[hook.hook] {
                sum.runs += rate.runs * seconds
                sum.seconds += rate.seconds * seconds
            }
            sums[hook.hook] = sum
        }
        totals = sums.values.sorted { ($0.probe, $0.hook) < ($1.probe, $1.hook) }
    }
}

/// What one hook has cost since the start: measured in one tick of ten and taken to be the same in
/// the others.
package struct ProbeTotal: Sendable, Equatable {
    package var probe: String
    package var hook: String
    package var isAttached = false
    package var runs = 0.0
    package var seconds = 0.0

    package init(probe: String, hook: String) {
        self.probe = probe
        self.hook = hook
    }
}
