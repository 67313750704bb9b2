import Host
import Signals
import Training

private let deepMicroseconds: Int64 = 50
private let entriesPerSecond = Limit(
    100, "1/s", source: "judgement: at 100 us to wake, 1 % of the CPU")

extension Rule {
    package static let deepCstates = Rule(
        id: "deep-cstates", cause: .powerState, ceiling: .critical,
        title: "CPUs of the job sleep so deeply that waking up takes long",
        explanation: Explanation(
            what: """
                A CPU with nothing to do sleeps, in steps: the deeper, the more power is saved \
                and the longer it takes to wake up, up to 0.3 ms.
                """,
            why: "A thread that sleeps and wakes thousands of times a second pays that each time.",
            seen: """
                Threads were ready to run and nobody had their CPU; CPUs of the job went into \
                deep sleep often.
                """,
            fix: "The deep states are switched off; the shallow ones stay.",
            avoid: """
                More power and heat, so less turbo. No gain where threads poll and never sleep. \
                Do not combine it with faster clocks on a host that is short of power.
                """,
            verify: "The waiting for an idle CPU falls below 1 %.",
            sources: [
                "Documentation/admin-guide/pm/cpuidle.rst", "tuned profile accelerator-performance",
                "AMD MI300X tuning guide (contested)",
            ])
    ) { observation throws(Unavailable) in
        let power = try observation.whole(Power.self)
        let threads = try observation.threads()
        let deep = observation.facts.power.idleStates.filter {
            !$0.isDisabled && $0.exitLatencyMicroseconds >= deepMicroseconds
        }
        let launch = observation.criticalThreads(threads)
        let cpus = Set(launch.map(\.cpu))
        let entries =
            power.cpus.filter { cpus.contains($0.id) }
            .map { cpu in deep.reduce(UInt64(0)) { $0 &+ cpu.entries($1.index) } }.max() ?? 0
        let rate = observation.whole.perSecond(entries)
        let waits = observation.index(threads).waits { $0.kind == .idle }
        let losses = ThreadLosses(launch, during: observation.whole) { thread in
            waits.filter { $0.tid == thread.tid }.reduce(0) { $0 &+ $1.nanoseconds }
        }
        guard entriesPerSecond.isReached(by: rate),
            LossLimits.active.isReached(by: losses.worstPercent)
        else { return [] }
        let tids = Set(losses.entries.map(\.thread.tid))
        return [
            Finding(
                rule: "deep-cstates", cause: .powerState,
                severity: observation.severity(of: losses, in: threads), confidence: .associated,
                summary: "waking up from deep sleep: \(losses.worstInWords), "
                    + "\(briefFigure(rate)) deep sleeps a second on one CPU",
                culprit: FindingCulprit(
                    kind: .setting, id: "cpuidle", name: deep.map(\.name).joined(separator: " ")),
                affected: observation.affected(losses),
                evidence: [
                    entriesPerSecond.evidence("deep sleeps on the busiest CPU", rate),
                    losses.shareEvidence,
                ],
                fix: shallow(deep, observation),
                verify: "the waiting for an idle CPU in the next report is below 1 %",
                claims: waits.filter { tids.contains($0.tid) }.map {
                    Claim(tid: $0.tid, loss: .waiting($0.culprit), nanoseconds: $0.nanoseconds)
                })
        ]
    }

    private static func shallow(_ deep: [IdleState], _ observation: Observation) -> Fix {
        func write(_ value: Int) -> [String] {
            deep.map {
                "for f in /sys/devices/system/cpu/cpu*/cpuidle/state\($0.index)/disable; "
                    + "do echo \(value) > $f; done"
            }
        }
        let drop = "/etc/tmpfiles.d/stoker-cpuidle.conf"
        return Fix(
            commands: write(1),
            persist: deep.enumerated().map { number, state in
                "echo 'w /sys/devices/system/cpu/cpu*/cpuidle/state\(state.index)/disable - - - - "
                    + "1' \(number == 0 ? ">" : ">>") \(drop)"
            },
            rollback: write(0) + ["rm -f \(drop)"],
            risk: "more power and heat, less turbo", managedBy: observation.manager("tuned"))
    }

    package static let cpuThermalThrottle = Rule(
        id: "cpu-thermal-throttle", cause: .powerState, ceiling: .warning,
        title: "CPUs are slowed down by heat",
        explanation: Explanation(
            what: "A CPU that gets too hot lowers its own clock rate, whatever the settings say.",
            why: "Launch threads and loaders become slower, now and then and on some hosts only.",
            seen: "The CPU's own count of thermal throttling grew.",
            fix: "Cooling: fans, air flow, heat sinks, inlet temperature. No setting helps.",
            avoid: "A faster governor or fewer idle states make it worse.",
            verify: "core_throttle_count and package_throttle_count stay the same.",
            sources: ["Documentation/admin-guide/thermal"])
    ) { observation throws(Unavailable) in
        let power = try observation.whole(Power.self)
        let hot = power.cpus.filter { $0.thermalThrottles > 0 }
        guard let worst = hot.max(by: { $0.thermalThrottles < $1.thermalThrottles }) else {
            return []
        }
        let cpus = Set(hot.map(\.id))
        let threads = (observation.optional(Threads.self)?.threads ?? []).filter {
            cpus.contains($0.cpu) && $0.time[.running] > 0
        }
        let list = CPUList(hot.map(\.id)).description
        return [
            Finding(
                rule: "cpu-thermal-throttle", cause: .powerState, severity: .warning,
                confidence: .associated,
                summary: "CPUs \(list) were slowed down by heat, CPU \(worst.id) "
                    + "\(worst.thermalThrottles) times",
                culprit: FindingCulprit(
                    kind: .device, id: "cpu\(worst.id)", name: "CPU \(worst.id)"),
                affected: threads.map(observation.affected),
                evidence: [
                    Evidence(
                        name: "thermal throttles of CPU \(worst.id)",
                        value: Double(worst.thermalThrottles), unit: "", threshold: 1,
                        source: "any growth: the CPU itself counts it")
                ],
                fix: Fix(
                    commands: ["# check fans, air flow, heat sinks and inlet temperature"],
                    risk: "none; no setting of this host helps"),
                verify: "`grep . /sys/devices/system/cpu/cpu\(worst.id)/thermal_throttle/*_count` "
                    + "twice: the same counts")
        ]
    }
}

extension CPUPower {
    fileprivate func entries(_ state: Int) -> UInt64 {
        idleEntries.indices.contains(state) ? idleEntries[state] : 0
    }
}
