import Signals
import Training

/// Numbers and names in the sentences of the scheduling rules.
enum SchedulingText {
    /// 0.0123 as `1.2 %`.
    static func percent(_ share: Double) -> String { "\(oneDecimal(share * 100)) %" }

    static func oneDecimal(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "?" }
        let tenths = Int((abs(number) * 10).rounded())
        return (number < 0 && tenths > 0 ? "-" : "") + "\(tenths / 10).\(tenths % 10)"
    }

    /// A number of CPUs; a small one keeps the digit that says how small.
    static func cpus(_ number: Double) -> String {
        guard number > 0, number < 0.095 else { return oneDecimal(number) }
        let thousandths = max(1, Int((number * 1_000).rounded()))
        return "0.0\(thousandths / 10)" + (thousandths % 10 == 0 ? "" : "\(thousandths % 10)")
    }

    static func thread(_ loss: ThreadLoss) -> String {
        "\(loss.role.rawValue) thread \(loss.thread.tid) (\(loss.thread.name))"
    }

    static func name(_ name: String) -> String { name.isEmpty ? "a process that has ended" : name }

    /// `; also a, b, c and 4 more`, or nothing.
    static func others(_ names: [String], most: Int = 3) -> String {
        guard !names.isEmpty else { return "" }
        let rest = names.count > most ? " and \(names.count - most) more" : ""
        return "; also " + names.prefix(most).map { Self.name($0) }.joined(separator: ", ") + rest
    }
}
