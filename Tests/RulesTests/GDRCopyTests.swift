import Host
import Rules
import Testing
import Training

/// GDRCopy's library without the driver that it needs.
@Suite struct GDRCopyTests {
    /// Two ranks that loaded the library, a loader forked from one of them, and no driver.
    private func observation(
        _ change: (inout [ProcessFacts]) -> Void = { _ in }, hasDevice: Bool = false
    ) -> Observation {
        var observation = FabricHost().observation()
        observation.job.processes = [71, 73, 79].map { (pid: Int32) in
            var process = ProcessFacts(pid: pid, name: "python")
            (process.computesOnGPU, process.hasGDRCopy) = (pid != 79, true)
            return process
        }
        observation.job.roles = [71: .launch]
        change(&observation.job.processes)
        observation.facts.pcie.hasGDRCopyDevice = hasDevice
        return observation
    }

    @Test func ranksThatLoadedItWithoutADriver() throws {
        let finding = try #require(try Rule.gdrcopyMissing.check(observation()).first)
        #expect(finding.severity == .info && finding.confidence == .configuration)
        #expect(finding.evidence.map(\.value) == [2])
        #expect(
            finding.affected == [
                Affected(pid: 71, tid: 71, role: .launch), Affected(pid: 73, tid: 73, role: .other),
            ])
        #expect(
            finding.summary
                == "2 of the job's processes loaded GDRCopy, and there is no /dev/gdrdrv")
        #expect(finding.fix.commands.first == "modprobe gdrdrv")
        #expect(finding.fix.rollback.contains("rmmod gdrdrv"))
        #expect(finding.cost == Cost())
    }

    @Test func nothingIsSaidWhereNothingIsMissing() throws {
        let rule = Rule.gdrcopyMissing
        #expect(try rule.check(observation(hasDevice: true)).isEmpty)
        let others = observation { for index in $0.indices { $0[index].hasGDRCopy = false } }
        #expect(try rule.check(others).isEmpty, "nobody loaded it")
        let loaders = observation { for index in $0.indices { $0[index].computesOnGPU = false } }
        #expect(try rule.check(loaders).isEmpty, "who loaded it does not compute")
        #expect(try rule.check(observation { $0 = [] }).isEmpty, "no job")
    }
}
