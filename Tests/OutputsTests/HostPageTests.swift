import Fabric
import Host
import Outputs
import Rules
import Signals
import Testing
import Training

/// The page for people.
@Suite struct HostPageTests {
    private static let about = PageAbout(host: "gpu-17", version: "0.1.0", now: 1_767_225_700)
    /// Whatever comes.
    private static let mostBytes = 300_000

    private func page(
        _ observation: Observation, _ diagnosis: Diagnosis, hour: HourOfSums = HourOfSums(),
        about: PageAbout = Self.about
    ) -> String {
        hostPage(
            PageReport(
                observation, diagnosis, since: [1_767_225_600, .nan], rules: [Samples.rule]),
            hour: hour, about: about)
    }

    @Test func beforeTheFirstLookItSaysSo() throws {
        var about = Self.about
        about.notes = ["probes are not attached yet"]
        let text = hostPage(nil, hour: HourOfSums(), about: about)
        try expectSound(text)
        #expect(text.contains("STARTING") && text.contains("has not finished its first look"))
        #expect(text.contains("probes are not attached yet"))
    }

    @Test func showsVerdictCostCommandsAndTheWayBack() throws {
        let text = page(Samples.observation(), Samples.diagnosis)
        try expectSound(text)
        for part in [
            "HOST-BOUND", "The host took 31 % of the launch thread&#39;s time",
            "Other programs run where the job wants to run", "python3 (pid 812)",
            "0.31 thread-seconds lost every second", "<code>taskset -apc 0-1 812</code>",
            "<code>taskset -apc 0-3 812</code>", "What was not seen",
            "needs CAP_BPF or root to load probes", "Ruled out",
        ] {
            #expect(text.contains(part), "\(part)")
        }
        #expect(text.contains("1 min 40 s, from 2026-01-01 00:00:00 UTC"))
    }

    @Test func nothingObservedIsUnknown() throws {
        let text = page(Observation(), Diagnosis(verdict: .unknown))
        try expectSound(text)
        #expect(text.contains("UNKNOWN") && text.contains("No training was seen"))
    }

    @Test func theWholeMachineIsShownWhereNobodyTrains() throws {
        var job = Samples.job
        job.scope = .host
        let text = page(Samples.observation(job: job), Diagnosis(verdict: .healthy))
        try expectSound(text)
        #expect(text.contains("Where the CPUs&#39; time goes now"))
        #expect(text.contains("Nothing that costs enough to act on."))
    }

    @Test func devicesAreShownWithWhatIsFoundAboutThem() throws {
        var observation = Samples.observation()
        var gpu = GPUReading(pci: "0000:61:00.0")
        (gpu.activity.active, gpu.activity.observed) = (700_000_000, 1_000_000_000)
        gpu.xids = [XID(time: 1, code: 79)]
        observation.whole.change[GPUs.self] = .success(GPUs(gpus: [gpu]))
        var facts = FabricPortFacts(device: "mlx5_0", port: 1)
        (facts.gigabits, facts.state, facts.physicalState) = (400, "DOWN", "Polling")
        observation.whole.change[FabricPorts.self] = .success(
            FabricPorts(ports: [FabricPort(facts)]))
        var diagnosis = Samples.diagnosis
        diagnosis.findings[0].culprit = FindingCulprit(
            kind: .device, id: "0000:61:00.0", name: "H100")
        let text = page(observation, diagnosis)
        try expectSound(text)
        for part in [
            "70 %", "XID 79", "finding: strangers-on-training-cpus", "400 Gbit/s", "Polling",
        ] {
            #expect(text.contains(part), "\(part)")
        }
    }

    @Test func hostileNamesStayText() throws {
        for name in hostileTexts(120) + [
            "<script>alert(1)</script>", "\" onload=\"x", "]]>", "<!--",
        ] {
            let (observation, diagnosis) = Samples.hostile(name)
            var about = Self.about
            (about.host, about.version, about.notes) = (name, name, [name])
            for scope in [Job.Scope.processes, .host] {
                var observation = observation
                observation.job.scope = scope
                let text = page(observation, diagnosis, about: about)
                try expectSound(text)
                #expect(harmful(in: text, allowingLines: true).isEmpty)
            }
        }
    }

    @Test func figuresThatAreNoNumbersAreShownAsUnknown() throws {
        var diagnosis = Samples.diagnosis
        diagnosis.findings[0].cost.launchShare = .nan
        diagnosis.findings[0].evidence[0].value = .infinity
        var observation = Samples.observation()
        observation.startedAt = .nan
        var about = Self.about
        (about.now, about.tickSeconds) = (.infinity, .nan)
        let text = page(observation, diagnosis, about: about)
        try expectSound(text)
        #expect(!text.contains("nan") && !text.contains("inf "))
    }

    @Test func itIsNeverLongerThanItsLimit() throws {
        let name = String(repeating: "<模'\u{202e}", count: 2_500)
        var (observation, diagnosis) = Samples.hostile(name)
        let finding = diagnosis.findings[0]
        diagnosis.findings = Array(repeating: finding, count: 3_000)
        diagnosis.findings[0].evidence = Array(repeating: finding.evidence[0], count: 5_000)
        diagnosis.findings[0].fix.commands = Array(
            repeating: String(repeating: "<", count: 4_000), count: 40)
        diagnosis.unchecked = (0..<2_000).map { Unchecked(rule: name, reason: "\($0)" + name) }
        diagnosis.gpus = (0..<500).map {
            GPULoss(pci: "\($0)" + name, name: name, processes: [], idleShare: 0.5)
        }
        observation.coverage = Array(repeating: observation.coverage[1], count: 2_000)
        observation.job.processes = (0..<500).map {
            ProcessFacts(pid: $0, name: name, command: name)
        }
        var about = Self.about
        (about.host, about.notes) = (name, Array(repeating: name, count: 1_000))
        let text = page(observation, diagnosis, hour: Samples.hour(of: .running), about: about)
        try expectSound(text)
        #expect(text.utf8.count <= Self.mostBytes, "\(text.utf8.count)")
        #expect(text.contains("more findings, left out here"))
        #expect(text.contains("more GPUs, left out here"))
    }

    @Test func aCommandIsWholeOrNotThere() throws {
        var diagnosis = Samples.diagnosis
        let fits = String(repeating: "x", count: 4_000)
        diagnosis.findings[0].fix.commands = [fits, "true"]
        let whole = page(Samples.observation(), diagnosis)
        #expect(whole.contains("<code>\(fits)</code>\n<code>true</code>"))
        // The others may need the one that does not fit.
        diagnosis.findings[0].fix.commands = [fits + "y", "true"]
        let text = page(Samples.observation(), diagnosis)
        #expect(!text.contains("xxx") && !text.contains("<code>true</code>"))
        #expect(text.contains("2 commands, too long for this page"))
    }

    @Test(arguments: [(-1.0, "10"), (1, "10"), (10, "10"), (37, "37"), (1e300, "3600")])
    func refreshesNoMoreOftenThanItLooks(tick: Double, refresh: String) {
        var about = Self.about
        about.tickSeconds = tick
        let text = hostPage(nil, hour: HourOfSums(), about: about)
        #expect(text.contains("http-equiv=\"refresh\" content=\"\(refresh)\""))
    }

    /// Every element is closed in its turn, and only those that cannot refer elsewhere are there.
    private func expectSound(_ text: String) throws {
        #expect(text.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
        let known: Set<Substring> = [
            "html", "head", "meta", "title", "style", "body", "header", "main", "section",
            "article", "footer", "div", "h1", "h2", "h3", "p", "span", "strong", "code", "pre",
            "ul", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td",
            "svg", "path", "rect", "g",
        ]
        var open: [Substring] = []
        var unknown: [Substring] = []
        var isBroken = false
        for piece in text.split(separator: "<").dropFirst() {
            let tag = piece.prefix { $0 != ">" && $0 != " " }
            let name = tag.drop { $0 == "/" }
            if !known.contains(name) { unknown.append(name) }
            if tag.hasPrefix("/") {
                if open.popLast() != name { isBroken = true }
            } else if name != "meta" {
                open.append(name)
            }
        }
        #expect(unknown.isEmpty && open.isEmpty && !isBroken)
        #expect(!text.contains("href") && !text.contains("url(") && !text.contains("@import"))
    }
}
