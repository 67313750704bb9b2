import Rules
import Signals
import Training

extension HTML {
    /// What was ruled out, and what could not be seen.
    mutating func coverage(_ report: PageReport) {
        let (observation, diagnosis) = (report.observation, report.diagnosis)
        if let line = excludedLine(diagnosis) {
            element(.section) { section in
                section.element(.h2, text: "Ruled out")
                section.element(.p, text: line)
            }
        }
        element(.section) { section in
            section.element(.h2, text: "What was not seen")
            let lines = unseenLines(observation, diagnosis)
            if lines.isEmpty {
                section.element(.p, "quiet", text: "Everything that Stoker looks for was seen.")
            } else {
                var left = 0
                section.element(.dl, classes: "unseen") { list in
                    for (count, line) in lines.enumerated() {
                        guard list.size < PageRoom.coverage else {
                            return left = lines.count - count
                        }
                        list.element(.dt, text: shown(line.label))
                        list.element(.dd, text: line.text, limit: 600)
                    }
                }
                section.more(left, "reason", in: .p)
            }
            let whole = observation.coverage.filter { $0.state == .ok }.map { shown($0.signal) }
            if !whole.isEmpty {
                section.element(
                    .p, "quiet", text: "Seen in full: " + whole.joined(separator: ", ") + ".",
                    limit: 500)
            }
            if let line = searchLine(observation) {
                section.element(.p, "quiet", text: line, limit: 600)
            }
        }
    }
}
