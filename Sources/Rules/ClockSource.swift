import Host
import Signals
import Training

extension Rule {
    package static let clocksourceNotTSC = Rule(
        id: "clocksource-not-tsc", cause: .configuration, ceiling: .info,
        title: "Reading the time needs a slow device",
        explanation: Explanation(
            what: """
                The kernel reads the time from one of several clocks. The processor's own counter \
                (tsc) is read like a register; hpet and acpi_pm are devices on a slow bus.
                """,
            why: """
                Profilers, logging and communication libraries ask for the time all the time. \
                With tsc that takes some 25 to 100 ns without entering the kernel; with hpet it \
                takes microseconds, and a system call each time.
                """,
            seen: "The kernel's list of clocks and the one in use.",
            fix: "Switches to tsc where the kernel offers it.",
            avoid: """
                The kernel drops tsc when it found the counter unreliable. Forcing it then makes \
                time jump; look for 'clocksource' in the kernel log first. The clocks of virtual \
                machines (kvm-clock, hyperv) are fast and fine.
                """,
            verify: "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
            sources: [
                "Documentation/admin-guide/kernel-parameters.txt (clocksource, tsc)",
                "Documentation/timers/timekeeping.rst",
            ]),
        check: { observation throws(Unavailable) in try observation.slowClock() })
}

extension Observation {
    fileprivate func slowClock() throws(Unavailable) -> [Finding] {
        guard let clock = facts.settings.clocksource else {
            throw Unavailable("cannot read the kernel's clock source")
        }
        guard ["hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit", "xen"].contains(clock) else {
            return []
        }
        let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
        let isOffered = facts.settings.clocksourcesAvailable.contains("tsc")
        return [
            Finding(
                rule: "clocksource-not-tsc", cause: .configuration, severity: .info,
                confidence: .configuration,
                summary: "the kernel takes the time from \(clock), not from the processor (tsc)",
                culprit: FindingCulprit(kind: .setting, id: "clocksource", name: clock),
                evidence: [
                    Evidence(
                        name: "tsc offered by the kernel", value: isOffered ? 1 : 0, unit: "",
                        source: "available_clocksource")
                ],
                fix: Fix(
                    commands: [isOffered ? "echo tsc > \(path)" : Fix.atBoot],
                    persist: ["add to the kernel command line: clocksource=tsc tsc=reliable"],
                    rollback: ["echo \(clock) > \(path)"],
                    risk: """
                        When the kernel gave tsc up because it is unstable, forcing it makes time \
                        jump, Stoker's own included. Read the kernel log first and update the \
                        firmware.
                        """,
                    needsReboot: !isOffered),
                verify: "\(path) reads tsc")
        ]
    }
}
