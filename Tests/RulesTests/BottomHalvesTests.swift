import Host
import Rules
import Signals
import Testing
import Training

/// The soft interrupts of disks go to the device's line where both come in step.
@Suite struct BottomHalvesTests {
    /// CPU 5 spends 3 % in soft interrupts, which a disk's line on `cpu` may have raised; half of
    /// them are `half`'s.
    private func observation(
        _ type: String = "BLOCK", interrupts: UInt64, cpu: Int = 5, network: UInt64 = 0
    ) -> Observation {
        let disk = InterruptLine(
            label: "41", irq: 41, name: "virtio1-req.0", counts: Scheduling.at(cpu, interrupts),
            nanoseconds: Scheduling.at(cpu, 0), watchedNanoseconds: Scheduling.at(cpu, 0))
        let lines = [
            SoftIRQLine(
                name: type, counts: Scheduling.at(5, 1_001),
                nanoseconds: Scheduling.at(5, .ms(300)),
                watchedNanoseconds: Scheduling.at(5, .ms(31))),
            SoftIRQLine(
                name: "NET_TX", counts: Scheduling.at(5, 7),
                nanoseconds: Scheduling.at(5, network),
                watchedNanoseconds: Scheduling.at(5, network)
            ),
        ]
        return Scheduling.observation(
            threads: [Scheduling.thread(701, cpu: 5, [.softirq: .ms(31) + network])],
            lines: [disk, Scheduling.quietLine], soft: SoftIRQs(lines: lines))
    }

    private func ids(_ observation: Observation) throws -> [String] {
        try [Rule.irqOnTrainingCores, .softirqOnTrainingCores]
            .flatMap { try $0.check(observation).map(\.rule) }
    }

    @Test(arguments: ["BLOCK", "IRQ_POLL"])
    func inStepItIsTheDevicesLoad(type: String) throws {
        let inStep = observation(type, interrupts: 501)
        #expect(try ids(inStep) == ["irq-on-training-cores"])
        let finding = try #require(try Rule.irqOnTrainingCores.check(inStep).first)
        #expect(finding.culprit == FindingCulprit(kind: .irq, id: "41", name: "virtio1-req.0"))
        let claim = Claim(tid: 701, loss: .state(.softirq), nanoseconds: .ms(31))
        #expect(finding.claims == [claim])
    }

    @Test func outOfStepItStaysASoftInterrupt() throws {
        #expect(try ids(observation(interrupts: 500)) == ["softirq-on-training-cores"])
        #expect(try ids(observation(interrupts: 0)) == ["softirq-on-training-cores"])
    }

    @Test func aLineOnAnotherCPURaisesNothingHere() throws {
        let elsewhere = observation(interrupts: 9_001, cpu: 3)
        #expect(try ids(elsewhere) == ["softirq-on-training-cores"])
    }

    @Test func networkTrafficKeepsItsOwnRule() throws {
        #expect(try ids(observation("NET_RX", interrupts: 1_001)) == ["softirq-on-training-cores"])
    }

    @Test func whatIsMovedAndWhatStaysAddUp() throws {
        let both = observation(interrupts: 1_001, network: .ms(31))
        let moved = try Rule.irqOnTrainingCores.check(both).flatMap(\.claims)
        #expect(moved.map(\.nanoseconds) == [.ms(31)])
        let much = observation(interrupts: 1_001, network: .ms(310))
        let left = try Rule.softirqOnTrainingCores.check(much).flatMap(\.claims)
        let taken = try Rule.irqOnTrainingCores.check(much).flatMap(\.claims)
        let all = (left + taken).reduce(0) { $0 + $1.nanoseconds }
        #expect(left.count == 1 && taken.count == 1)
        #expect(all <= .ms(341) && all >= .ms(341) - 2)
    }

    @Test func theMoreSpecificRuleClaimsFirst() throws {
        let ids = catalogue.map(\.id)
        let device = try #require(ids.firstIndex(of: "irq-on-training-cores"))
        let soft = try #require(ids.firstIndex(of: "softirq-on-training-cores"))
        #expect(device < soft)
    }
}
