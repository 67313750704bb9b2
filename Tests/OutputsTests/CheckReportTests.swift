import Host
import Outputs
import Signals
import Testing

@Suite struct CheckReportTests {
    private let probes = [
        ProbeCheck(
            name: "sched", hook: "tp_btf/sched_switch", signal: "sched", state: .ok,
            adds: "the ledger of every thread"),
        ProbeCheck(
            name: "block", hook: "tp_btf/block_rq_complete", signal: "block", state: .refused,
            reason: "needs CAP_BPF", adds: "time of each disk request"),
    ]

    @Test func saysWhatIsSeenAndWhyNot() {
        let text = checkReport(
            probes: probes, coverage: Samples.coverage, facts: Samples.facts,
            privileges: ["CAP_PERFMON"], style: TextStyle(colour: false, unicode: false, width: 80))
        #expect(
            text == """
                PARTLY  Of 3 signals, 1 can be measured in full, 1 in part, 1 not.

                Host
                  name        gpu-17
                  kernel      6.8.0-45-generic
                  machine     4 CPUs, 2 NUMA nodes
                  privileges  CAP_PERFMON

                Probes
                  ok       sched  tp_btf/sched_switch: the ledger of every thread
                  refused  block  tp_btf/block_rq_complete: needs CAP_BPF. Not told without it:
                                  time of each disk request (block)

                Signals
                  ok       sched
                  degraded irq    1,234 events lost
                  missing  block  needs CAP_BPF or root to load probes

                """)
    }

    @Test func aBlindHostIsCalledSo() {
        let text = checkReport(probes: [], coverage: [], facts: Samples.facts, privileges: [])
        #expect(text.hasPrefix("BLIND  Nothing can be measured on this host.\n"))
        #expect(text.contains("privileges  none\n"))
    }

    @Test func hostileNamesStayText() {
        for name in hostileTexts(200) {
            var facts = Samples.facts
            facts.hostname = name
            let coverage = [Coverage(signal: name, state: .missing, reason: name, lost: 0)]
            var probe = probes[1]
            probe.reason = name
            let text = checkReport(
                probes: [probe], coverage: coverage, facts: facts, privileges: [name])
            #expect(harmful(in: text, allowingLines: true).isEmpty)
        }
    }
}
