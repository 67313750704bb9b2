import Foundation
import Outputs
import Rules
import Signals
import Testing
import Training

@Suite struct JSONReportTests {
    /// The part of the contract that DESIGN.md section 7 writes down.
    private struct Report: Decodable {
        struct Host: Decodable {
            var name, kernel: String
            var cpus, numaNodes, gpus: Int
        }
        struct Window: Decodable {
            var start: String
            var seconds: Double
        }
        struct Training: Decodable {
            var pid: Int
            var command: String
            var rank: Int?
            var gpus: [String]
            var numaNode: Int?
            var stepMilliseconds: Double?
            var threads: [Thread]
        }
        struct Thread: Decodable {
            var tid: Int
            var name: String
            var role: Role
            var seconds: [String: Double]
            var waits: [Wait]
        }
        struct Wait: Decodable {
            var kind, name: String
            var id: Int
            var seconds: Double
        }
        struct Process: Decodable {
            var pid, threads: Int
            var seconds: [String: Double]
        }
        struct Finding: Decodable {
            var rule: String
            var cause: Cause
            var severity: Severity
            var confidence: Confidence
            var summary: String
            var cost: Cost
            var culprit: FindingCulprit?
            var affected: [Affected]
            var evidence: [Number]
            var fix: Fix
            var verify: String
        }
        struct Number: Decodable {
            var name: String
            var value: Double?
            var unit: String
        }

        var schema, version: String
        var host: Host
        var window: Window
        var coverage: [Coverage]
        var training: [Training]
        var processes: [Process]
        var verdict: Diagnosis.Verdict
        var findings: [Finding]
        var excluded: [Excluded]
        var unchecked: [Unchecked]
    }

    private func report(_ observation: Observation, _ diagnosis: Diagnosis) throws -> Report {
        let text = jsonReport(observation, diagnosis, version: "0.1.0")
        return try JSONDecoder().decode(Report.self, from: Data(text.utf8))
    }

    @Test func theContractHolds() throws {
        let report = try report(Samples.observation(), Samples.diagnosis)
        #expect(report.schema == "stoker.report/1" && report.version == "0.1.0")
        #expect(report.host.cpus == 4 && report.host.numaNodes == 2)
        #expect(report.window.start == "2026-01-01T00:00:00Z" && report.window.seconds == 30)
        #expect(report.coverage == Samples.coverage)
        #expect(report.verdict == .hostBound)
        #expect(report.excluded == Samples.diagnosis.excluded)
        #expect(report.unchecked == Samples.diagnosis.unchecked)
        let finding = try #require(report.findings.first)
        #expect(finding.culprit == Samples.contention.culprit)
        #expect(finding.affected == Samples.contention.affected)
        #expect(finding.fix == Samples.contention.fix)
        #expect(finding.cost == Samples.contention.cost)
    }

    @Test func everyThreadHasAllStatesInSeconds() throws {
        let report = try report(Samples.observation(), Samples.diagnosis)
        let process = try #require(report.training.first)
        #expect(process.rank == 3 && process.numaNode == 1 && process.threads.count == 15)
        let states = Set(ThreadState.allCases.map(\.name))
        #expect(process.threads.allSatisfy { Set($0.seconds.keys) == states })
        let launch = try #require(process.threads.first { $0.role == .launch })
        #expect(launch.seconds["waiting"] == 9.3)
        #expect(launch.waits.map(\.name) == ["python3", "ksoftirqd/3"])
        #expect(launch.waits.first?.seconds == 9)
    }

    @Test func threadsOfProcessesThatAreGoneStayInTheReport() throws {
        let report = try report(Samples.observation(job: Job()), Samples.diagnosis)
        #expect(report.training.map(\.pid) == [4242])
        #expect(report.training.first?.threads.count == 15)
    }

    @Test func theWholeMachineIsListedByProcess() throws {
        var job = Samples.job
        job.scope = .host
        let report = try report(Samples.observation(job: job), Diagnosis(verdict: .healthy))
        #expect(report.training.isEmpty)
        #expect(report.processes.map(\.threads) == [15])
        #expect(report.processes.first?.seconds["waiting"] == 9.303)
    }

    @Test func keysKeepTheOrderOfTheContract() {
        let text = jsonReport(Samples.observation(), Samples.diagnosis, version: "0.1.0")
        let keys = text.split(separator: "\n").filter { $0.hasPrefix("  \"") }
            .map { $0.split(separator: "\"")[1] }
        #expect(
            keys == [
                "schema", "version", "host", "window", "recording", "scope", "search", "method", "coverage",
                "training", "processes", "cpus", "runQueueWaits", "numa", "fabric", "pcie",
                "gpus", "verdict", "findings", "excluded", "unchecked",
            ])
    }

    @Test func hostileNamesStayNames() throws {
        for name in hostileTexts(300) {
            let (observation, diagnosis) = Samples.hostile(name)
            let text = jsonReport(observation, diagnosis, version: "0.1.0")
            #expect(harmful(in: text, allowingLines: true).isEmpty)
            let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
            #expect(Array((report.findings.first?.culprit?.name ?? "").utf8) == Array(name.utf8))
        }
    }

    @Test func nothingObservedIsStillAReport() throws {
        let report = try report(Observation(), Diagnosis(verdict: .unknown))
        #expect(report.training.isEmpty && report.findings.isEmpty)
        #expect(report.verdict == .unknown && report.window.seconds == 0)
    }

    @Test func figuresThatAreNoNumbersAreNull() throws {
        var diagnosis = Samples.diagnosis
        diagnosis.findings[0].cost.launchShare = .nan
        diagnosis.findings[0].evidence[0].value = -.infinity
        var observation = Samples.observation()
        observation.startedAt = .infinity
        let report = try report(observation, diagnosis)
        #expect(report.findings[0].cost.launchShare == nil)
        #expect(report.findings[0].evidence[0].value == nil)
    }

    @Test func numbersAndListsAreWrittenAsJSONHasThem() {
        let json = JSON.object([
            ("b", .array([JSON(UInt64.max), .number(1e-12), .number(.nan), .bool(true)])),
            ("a", .object([("\"", .null)])), ("empty", .array([])),
        ])
        #expect(
            json.pretty == """
                {
                  "b": [9223372036854775807, 1e-12, null, true],
                  "a": {"\\"": null},
                  "empty": []
                }

                """)
    }
}
