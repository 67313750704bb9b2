import Host
import Rules
import Signals
import Training

/// A page shows what the rules look at, which is ten seconds; and whoever copies a command needs a
/// moment.
private let leastRefresh = 10.0
/// A list that comes to this place in the page says how much it leaves out, instead of more. Bytes;
/// what no list stops keeps well within what is between, so that no page has more than 300 kB.
enum PageRoom {
    static let gpus = 140_000
    static let ports = 165_000
    static let findings = 200_000
    static let commands = 235_000
    static let coverage = 270_000
}

/// Notes on the daemon itself.
private let mostNotes = 10

/// The page for people: one file that needs nothing else, without scripts. `report` is `nil`
/// before the first look.
package func hostPage(_ report: PageReport?, hour: HourOfSums, about: PageAbout) -> String {
    var page = HTML()
    page.element(.html, [(.lang, "en")]) { html in
        html.pageHead(about)
        html.element(.body) { body in
            body.element(.main) { main in
                main.banner(report, about)
                guard let report else {
                    main.beforeTheFirstLook(about)
                    return
                }
                main.verdict(report, about)
                main.time(report.observation)
                main.hour(hour)
                main.devices(report)
                main.findings(report, about)
                main.coverage(report)
            }
            body.element(
                .footer,
                text: "Stoker only looks: nothing on this page changes the host. The same for "
                    + "programs: /report and /metrics.")
        }
    }
    return page.text
}

extension HTML {
    fileprivate mutating func pageHead(_ about: PageAbout) {
        let asked = about.tickSeconds.isFinite ? about.tickSeconds : leastRefresh
        let refresh = Int(min(max(asked, leastRefresh), 3600))
        element(.head) { head in
            head.element(.meta, [(.charset, "utf-8")])
            head.element(
                .meta,
                [(.name, "viewport"), (.content, "width=device-width, initial-scale=1")])
            head.element(.meta, [(.name, "color-scheme"), (.content, "light dark")])
            head.element(.meta, [(.httpEquiv, "refresh"), (.content, "\(refresh)")])
            head.element(.title, text: "\(shown(about.host)) - Stoker")
            head.style(pageStyle)
        }
    }

    /// Whose page it is.
    fileprivate mutating func banner(_ report: PageReport?, _ about: PageAbout) {
        let facts = report?.observation.facts
        let cpus = report.map { cpuCount($0.observation) } ?? 0
        let nodes = facts?.topology.nodes.count ?? 0
        let kernel = facts?.kernel ?? ""
        let parts = [
            kernel.isEmpty ? "" : "Linux \(shown(kernel))",
            cpus > 0 ? counted(cpus, "CPU") : "", nodes > 0 ? counted(nodes, "NUMA node") : "",
            "stoker \(shown(about.version))", utcTime(about.now, dividedBy: " ") + " UTC",
        ]
        element(.header) { header in
            header.element(.h1, text: shown(about.host))
            header.element(
                .p, "quiet", text: parts.filter { !$0.isEmpty }.joined(separator: " · "))
        }
    }

    fileprivate mutating func beforeTheFirstLook(_ about: PageAbout) {
        element(.section, classes: "verdict unknown") { section in
            section.element(.p) { line in
                line.element(.strong, "word", text: "STARTING")
                line.add("Stoker has not finished its first look yet. This page will show it.")
            }
        }
        notes(about)
    }

    fileprivate mutating func verdict(_ report: PageReport, _ about: PageAbout) {
        let line = verdictLine(report.observation, report.diagnosis)
        element(.section, classes: "verdict \(severityClass(report.diagnosis))") { section in
            section.element(.p) { paragraph in
                paragraph.element(.strong, "word", text: line.word)
                paragraph.add(line.text)
            }
            section.element(.p, "quiet", text: lookedAt(report.observation))
        }
        notes(about)
        tiles(report)
    }

    private mutating func notes(_ about: PageAbout) {
        guard !about.notes.isEmpty else { return }
        element(.ul, classes: "notes") { list in
            for note in about.notes.prefix(mostNotes) {
                list.element(.li, text: note, limit: 300)
            }
            list.more(about.notes.count - mostNotes, "note")
        }
    }

    /// The few figures to take in at a glance.
    private mutating func tiles(_ report: PageReport) {
        let (observation, diagnosis) = (report.observation, report.diagnosis)
        var tiles: [(figure: String, what: String)] = []
        let cost = hostShare(diagnosis)
        if observation.job.scope == .processes, diagnosis.verdict != .unknown {
            tiles.append((percent(cost), "of \(whose(observation)) time cost by the host"))
        }
        if let busy = meanBusy(observation) {
            tiles.append((percent(busy), "GPUs busy"))
        }
        let grave = diagnosis.findings.count { $0.severity >= .warning }
        let rest = diagnosis.findings.count - grave
        tiles.append(("\(grave)", grave == 1 ? "finding to act on" : "findings to act on"))
        tiles.append(("\(rest)", "also noticed"))
        if observation.job.scope == .processes, let threads = try? observation.threads() {
            let processes = observation.job.processes.count
            tiles.append(
                (
                    grouped(UInt64(threads.threads.count)),
                    "threads of \(counted(processes, "process")) watched"
                ))
        }
        element(.ul, classes: "tiles") { list in
            for tile in tiles {
                list.element(.li) { item in
                    item.element(.strong, text: tile.figure)
                    item.element(.span, text: tile.what)
                }
            }
        }
    }

    /// `and 3 more threads`, where a list was cut.
    mutating func more(_ count: Int, _ noun: String, in tag: Tag = .li) {
        guard count > 0 else { return }
        element(tag, "quiet", text: "and \(counted(count, "more " + noun)), left out here")
    }
}

private func lookedAt(_ observation: Observation) -> String {
    "\(duration(nanoseconds: observation.whole.nanoseconds)) from "
        + utcTime(observation.startedAt, dividedBy: " ") + " UTC"
}

private func severityClass(_ diagnosis: Diagnosis) -> String {
    switch diagnosis.verdict {
    case .healthy: "healthy"
    case .unknown: "unknown"
    case .notHost: "warning"
    case .hostBound:
        diagnosis.findings.contains { $0.severity == .critical } ? "critical" : "warning"
    }
}

/// Mean over the GPUs of which it is known, 0 to 1.
private func meanBusy(_ observation: Observation) -> Double? {
    guard let gpus = try? observation.whole(GPUs.self).gpus else { return nil }
    let shares = gpus.compactMap(busyShare)
    return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
}

/// Time at work, 0 to 1; `nil` where nobody knows.
func busyShare(_ gpu: GPUReading) -> Double? {
    guard let active = gpu.activity.active, let observed = gpu.activity.observed, observed > 0
    else { return nil }
    return min(Double(active) / Double(observed), 1)
}
