import Rules
import Signals
import Testing
import Training

/// Rules trap on nothing that a counter can hold, and no command carries a name.
@Suite struct HostileTests {
    @Test func anEmptyObservationHasNoFindings() {
        for rule in catalogue {
            guard case .success(let findings) = rule.findings(in: Observation()) else { continue }
            #expect(findings == [], "\(rule.id)")
        }
        #expect(diagnose(catalogue, Observation()).verdict == .unknown)
    }

    @Test func anyNumbersAreSurvived() {
        var host = HostileHost(seed: 20_261)
        var fired: Set<String> = []
        for _ in 0..<300 {
            let observation = host.observation()
            for rule in catalogue {
                guard case .success(let found) = rule.findings(in: observation) else { continue }
                for finding in found { check(finding) }
                fired.formUnion(found.map(\.rule))
            }
            let diagnosis = diagnose(catalogue, observation)
            #expect(diagnosis.findings.allSatisfy { !$0.summary.isEmpty })
        }
        // A round that reaches few rules would prove little.
        #expect(
            fired.count >= catalogue.count * 9 / 10,
            "\(Set(catalogue.map(\.id)).subtracting(fired).sorted())")
    }

    /// What is sorted once for all rules changes nothing of what a rule finds.
    @Test func aRuleFindsTheSameAloneAndAmongOthers() {
        var host = HostileHost(seed: 20_262)
        for _ in 0..<100 {
            let observation = host.observation()
            let prepared = observation.prepared()
            for rule in catalogue {
                #expect(
                    rule.findings(in: observation) == rule.findings(in: prepared), "\(rule.id)")
            }
        }
    }

    private func check(_ finding: Finding) {
        let fix = finding.fix
        let lines = fix.commands + fix.persist + fix.rollback
        #expect(lines.allSatisfy { !$0.contains("reboot)") && !$0.contains("`x`") }, "\(lines)")
        #expect(lines.allSatisfy { !$0.isEmpty }, "\(finding.rule)")
        // Where there is nothing to type, a comment says so.
        #expect(!fix.commands.isEmpty && !fix.risk.isEmpty, "\(finding.rule)")
    }
}
