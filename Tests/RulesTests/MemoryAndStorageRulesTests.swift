import Host
import Rules
import Signals
import Testing
import Training

@Suite struct MemoryAndStorageRulesTests {
    @Test(arguments: [Job.Scope.processes, .host])
    func healthyHostIsSilent(scope: Job.Scope) throws {
        for rule in memoryAndStorageRules {
            let findings = try rule.check(healthyHost(scope: scope))
            #expect(findings.map(\.summary) == [], "\(rule.id)")
        }
    }

    @Test func idsAreUniqueAndExplained() {
        let ids = memoryAndStorageRules.map(\.id)
        #expect(Set(ids).count == ids.count)
        for rule in memoryAndStorageRules {
            let text = rule.explanation
            let parts = [text.what, text.why, text.seen, text.fix, text.avoid, text.verify]
            #expect(parts.allSatisfy { $0.count > 10 }, "\(rule.id)")
            #expect(!text.sources.isEmpty, "\(rule.id)")
        }
    }

    @Test func saysWhatIsMissing() {
        let nothing = Observation().with {
            $0.job.processes = [ProcessFacts(pid: 7, name: "python")]
        }
        let settingsOnly = ["memlock-unlimited", "ksm", "hugetlb-pool-per-node"]
        for rule in memoryAndStorageRules where !settingsOnly.contains(rule.id) {
            guard case .failure = rule.findings(in: nothing) else {
                Issue.record("\(rule.id) did not throw")
                continue
            }
        }
    }

    @Test func findingsCarryTheirRulesIdAndStayBelowItsCeiling() throws {
        let observation = observe([
            trainer(
                71,
                [
                    .reclaim: percent(21), .compaction: percent(21), .io: percent(21),
                    .fault: percent(21),
                ]
            ) {
                $0.majorFaults = 3
                $0.mmapLock = percent(7)
            }
        ])
        for rule in memoryAndStorageRules {
            for finding in (try? rule.check(observation)) ?? [] {
                #expect(finding.rule == rule.id)
                #expect(finding.severity <= rule.ceiling)
            }
        }
    }

    @Test func pathsBecomeOneShellWord() throws {
        let odd = "/it's $HOME/\u{1b}[2J"
        let finding = try #require(
            try Rule.memcgLimitPressure.check(
                observe([trainer(71, [.reclaim: percent(7)])]) {
                    $0.cgroups(
                        memoryGroup(odd, MemoryControl(limit: 100 * mebibyte, limitEvents: 7)))
                }
            ).first)
        #expect(
            finding.fix.commands == [
                "echo 157286400 > $'/sys/fs/cgroup/it\\'s $HOME/\\x1b[2J/memory.max'"
            ])
    }

    @Test func severalLaunchSecondsLostAreCritical() throws {
        func severity(_ share: Double) throws -> Severity? {
            try Rule.watermarkScaleFactor.check(observe([trainer(71, [.reclaim: percent(share)])]))
                .first?.severity
        }
        #expect(try severity(19.5) == .warning)
        #expect(try severity(20) == .critical)
        let host = observe([trainer(71, [.reclaim: percent(77)])], scope: .host, launch: false)
        #expect(try Rule.watermarkScaleFactor.check(host).first?.severity == .warning)
    }
}
