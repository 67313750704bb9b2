import Signals

extension CgroupActivity {
    /// Takes the CPU quota of this group away, and the old one back.
    func quotaFix(
        _ bandwidth: Bandwidth, quota: UInt64, neededCPUs: Double, hasSystemd: Bool
    ) -> Fix {
        let isPod = path.contains("kubepods")
        if hasSystemd && !isPod, let unit = systemdUnit {
            return unitFix(unit, bandwidth, quota, neededCPUs)
        }
        let file = shellWord("\(folder)/\(version == 1 ? "cpu.cfs_quota_us" : "cpu.max")")
        let period = bandwidth.periodMicroseconds
        let old = version == 1 ? "\(quota)" : "'\(quota) \(period)'"
        return Fix(
            commands: ["echo \(version == 1 ? "-1" : "max") > \(file)"],
            persist: isPod
                ? ["remove limits.cpu from the pod, or give it whole CPUs with the static policy"]
                : [],
            rollback: ["echo \(old) > \(file)"],
            risk: risk(neededCPUs, bandwidth, quota, isPod: isPod),
            managedBy: isPod ? "kubelet" : nil)
    }

    private func unitFix(
        _ unit: String, _ bandwidth: Bandwidth, _ quota: UInt64, _ neededCPUs: Double
    ) -> Fix {
        let period = max(bandwidth.periodMicroseconds, 1)
        let word = shellWord(unit)
        return Fix(
            commands: ["systemctl set-property --runtime \(word) CPUQuota="],
            persist: ["systemctl set-property \(word) CPUQuota="],
            rollback: [
                "systemctl set-property --runtime \(word) CPUQuota=\(percent(quota, period))"
            ],
            risk: risk(neededCPUs, bandwidth, quota, isPod: false), managedBy: "systemd")
    }

    /// The unit that systemd made this group for, if its name says so.
    private var systemdUnit: String? {
        guard let last = path.split(separator: "/").last, !last.hasPrefix("-"),
            [".service", ".scope", ".slice"].contains(where: last.hasSuffix)
        else { return nil }
        return String(last)
    }

    /// `150%` or, where that would not be exact, `33.33%`.
    private func percent(_ quota: UInt64, _ period: UInt64) -> String {
        let rounded = (Double(quota) * 10_000 / Double(period)).rounded()
        // No host has a hundred billion CPUs.
        let hundredths = UInt64(min(rounded, 1e15))
        let rest = hundredths % 100
        guard rest > 0 else { return "\(hundredths / 100)%" }
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)%"
    }

    private func risk(
        _ neededCPUs: Double, _ bandwidth: Bandwidth, _ quota: UInt64, isPod: Bool
    ) -> String {
        let period = bandwidth.periodMicroseconds
        let enough = enoughQuota(neededCPUs, period: period, quota: quota)
        let raised =
            version == 1
            ? "echo \(enough) > \(shellWord(folder + "/cpu.cfs_quota_us"))"
            : "echo '\(enough) \(period)' > \(shellWord(folder + "/cpu.max"))"
        let burst =
            version == 1
            ? ""
            : """
             Milder (kernel 5.14 and later): echo \(quota) > \
            \(shellWord(folder + "/cpu.max.burst")) lets unused quota be saved up for peaks.
            """
        return """
            Without the quota the group may use every CPU that it is allowed on, and other \
            tenants feel it. Where a quota must stay, this one covers what was used and lost, \
            and a quarter more: \(raised).\(burst)\
            \(isPod ? " The kubelet owns this file: change the pod, or it is written back." : "")
            """
    }

    /// What was asked for and a quarter more, never less than now, in whole tenths of a CPU.
    private func enoughQuota(_ cpus: Double, period: UInt64, quota: UInt64) -> UInt64 {
        let tenths = UInt64(min(max(cpus, 0), 1e6) * 12.5) + 1
        let product = tenths.multipliedReportingOverflow(by: period)
        return max(product.overflow ? 0 : product.partialValue / 10, quota)
    }
}
