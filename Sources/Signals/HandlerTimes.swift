import BPF
import CRecords
import Host

/// Time in interrupt handlers, from the ledger, beside the counts of /proc.
extension Interrupts {
    /// Rows of /proc/interrupts that the probes time, by the vector that they see.
    private static let vectors: [(label: String, vectors: [ledger_vector])] = [
        ("LOC", [LEDGER_VECTOR_TIMER]),
        ("RES", [LEDGER_VECTOR_RESCHEDULE]),
        ("CAL", [LEDGER_VECTOR_CALL, LEDGER_VECTOR_CALL_SINGLE]),
        ("IWI", [LEDGER_VECTOR_WORK]),
    ]

    mutating func addTimes(from ledger: Result<LedgerProbe, Unavailable>) {
        do throws(Unavailable) {
            let ledger = try ledger.get()
            do throws(ProbeError) {
                let cpus = try ledger.cpus()
                addVectors(cpus)
                for line in try ledger.irqs() { addLine(Int(line.key), line.values) }
                gaps.lost += cpus.reduce(0) { $0 + $1.lost_irqs }
            } catch {
                throw Unavailable(error)
            }
            for (hook, part) in [
                ("irq_handler_entry", "devices"), ("local_timer_entry", "the timer and other CPUs"),
            ] {
                guard let why = ledger.missing(hook) else { continue }
                gaps.reasons.append("time in interrupts from \(part) not told: \(why)")
            }
        } catch {
            gaps.reasons.append("counts only, no time in handlers: \(error.reason)")
        }
    }

    private mutating func addVectors(_ cpus: [ledger_cpu]) {
        for (label, vectors) in Self.vectors {
            guard let index = lines.firstIndex(where: { $0.label == label }) else { continue }
            func sum(_ tuple: (ledger_cpu) -> [UInt64]) -> PerCPU {
                PerCPU(cpus.map { cpu in vectors.reduce(0) { $0 + tuple(cpu)[Int($1.rawValue)] } })
            }
            lines[index].nanoseconds = sum { elements(of: $0.vectors, as: UInt64.self) }
            lines[index].watchedNanoseconds = sum {
                elements(of: $0.vectors_watched, as: UInt64.self)
            }
        }
    }

    private mutating func addLine(_ irq: Int, _ values: [ledger_irq]) {
        guard let index = lines.firstIndex(where: { $0.irq == irq }) else { return }
        lines[index].nanoseconds = PerCPU(values.map(\.nanoseconds))
        lines[index].watchedNanoseconds = PerCPU(values.map(\.watched))
    }
}

extension SoftIRQs {
    mutating func addTimes(from ledger: Result<LedgerProbe, Unavailable>) {
        do throws(Unavailable) {
            let ledger = try ledger.get()
            if let hook = ledger.hooks.first(where: { $0.hook == "softirq_entry" }),
                let why = hook.reason
            {
                // What was counted before it was left out must not count again afterwards.
                guard hook.isLeftOut else { throw Unavailable(why) }
                gaps.reasons.append("time in softirqs not told: \(why)")
            }
            do throws(ProbeError) {
                let cpus = try ledger.cpus()
                for index in lines.indices where index < Int(LEDGER_SOFTIRQS) {
                    lines[index].nanoseconds = cpus.map {
                        elements(of: $0.softirqs, as: UInt64.self)[index]
                    }
                    lines[index].watchedNanoseconds = cpus.map {
                        elements(of: $0.softirqs_watched, as: UInt64.self)[index]
                    }
                }
            } catch {
                throw Unavailable(error)
            }
        } catch {
            gaps.reasons.append("counts only, no time in handlers: \(error.reason)")
        }
    }
}
