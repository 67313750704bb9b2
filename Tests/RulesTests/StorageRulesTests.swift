import Host
import Rules
import Signals
import Testing
import Training

@Suite struct StorageRulesTests {
    private let storageRules: [Rule] = [.dirtyBytesWriteback, .blockReadahead, .loaderStorageWait]

    private func ids(_ observation: Observation) throws -> [String] {
        try storageRules.flatMap { try $0.check(observation).map(\.rule) }
    }

    /// One launch thread and a loader; the disk took half of the loader's wait, or `served`.
    private func waiting(
        launch: UInt64 = 0, loader: UInt64 = 0, served: UInt64? = nil,
        _ disk: (inout DiskActivity) -> Void = { _ in }
    ) -> Observation {
        observe([trainer(71, [.io: launch]), trainer(73, [.io: loader])]) {
            $0.disk("nvme0n1") {
                $0.readTime = served ?? max(launch, loader)
                $0.reads = 301
                $0.readBytes = 301 * 4_096
                disk(&$0)
            }
        }
    }

    @Test func launchThreadsCountFromOnePercentOthersFromTwenty() throws {
        #expect(try ids(waiting(launch: percent(1))) == ["loader-storage-wait"])
        #expect(try ids(waiting(launch: percent(1) - 1)) == [])
        #expect(try ids(waiting(loader: percent(20))) == ["loader-storage-wait"])
        #expect(try ids(waiting(loader: percent(20) - 1)) == [])
        let finding = try Rule.loaderStorageWait.check(waiting(loader: percent(31))).first
        #expect(claimed(finding, .state(.io)) == percent(31))
        #expect(finding?.severity == .warning)
        let launch = try Rule.loaderStorageWait.check(waiting(launch: percent(20))).first
        #expect(launch?.severity == .critical)
    }

    @Test func aWholeHostNeedsThreadsThatReadOrWork() throws {
        func host(_ write: UInt64, running: Double = 0) -> Observation {
            let thread = trainer(
                71, asleep: true, [.io: percent(31), .running: percent(running)]
            ) { $0.writing = write }
            return observe([thread], scope: .host, launch: false)
        }
        #expect(try ids(host(0)).count == 1)
        #expect(try ids(host(percent(31))) == [])
        #expect(try ids(host(percent(31), running: 9.5)) == [])
        #expect(try ids(host(percent(31), running: 10)).count == 1)
    }

    @Test func namesTheDiskWithTheMostRequestTime() throws {
        var observation = waiting(loader: percent(31))
        observation.whole.change.disk("sda") { ($0.reads, $0.readTime) = (7, percent(40)) }
        let finding = try #require(try Rule.loaderStorageWait.check(observation).first)
        #expect(finding.culprit?.kind == .device)
        #expect(finding.culprit?.id == "sda")
    }

    private func reading(
        kibibytes: UInt64, busy: UInt64 = percent(69.5), readAhead: Int64 = 128
    ) throws -> Observation {
        var observation = waiting(loader: percent(20)) {
            $0.readBytes = $0.reads * kibibytes * 1_024
            $0.busy = busy
        }
        var facts = DiskFacts(name: "nvme0n1", major: 259, minor: 3)
        facts.readAheadKilobytes = readAhead
        facts.scheduler = "mq-deadline"
        observation.facts.disks = [facts]
        return observation
    }

    @Test func readingInOrderWithASmallReadAhead() throws {
        #expect(try ids(reading(kibibytes: 128)) == ["block-readahead"])
        #expect(try ids(reading(kibibytes: 64)) == ["block-readahead"])
        #expect(try ids(reading(kibibytes: 63)) == ["loader-storage-wait"])
        #expect(try ids(reading(kibibytes: 129)) == ["loader-storage-wait"])
        #expect(try ids(reading(kibibytes: 128, busy: percent(70))) == ["loader-storage-wait"])
        #expect(try ids(reading(kibibytes: 128, readAhead: 4_096)) == ["loader-storage-wait"])
        let fix = try Rule.blockReadahead.check(reading(kibibytes: 128)).first?.fix
        let file = "/sys/block/nvme0n1/queue/read_ahead_kb"
        #expect(fix?.commands == ["echo 4096 > \(file)"])
        #expect(fix?.rollback.first == "echo 128 > \(file)")
    }

    @Test func aSchedulerOnAFastDiskIsInformation() throws {
        let finding = try Rule.ioSchedulerNvme.check(reading(kibibytes: 4)).first
        #expect(finding?.severity == .info)
        #expect(finding?.claims.isEmpty == true)
        #expect(finding?.fix.commands == ["echo none > /sys/block/nvme0n1/queue/scheduler"])
        #expect(try Rule.ioSchedulerNvme.check(waiting(loader: percent(20))).isEmpty)
    }

    /// 100 GiB available, so that writers stop at 20 GiB of unwritten data.
    private func writing(_ time: UInt64, dirty: UInt64, ratio: String = "20") -> Observation {
        observe([trainer(71, [.io: time]) { $0.writing = time }]) {
            $0.meminfo(["MemAvailable": 100 << 30, "Dirty": dirty - 7, "Writeback": 7])
            $0.disk("sda") { ($0.writes, $0.writeTime, $0.busy) = (7, time, percent(71)) }
        }.with {
            $0.facts.settings.sysctl = ["vm.dirty_ratio": ratio, "vm.dirty_background_ratio": "10"]
        }
    }

    @Test func writersAtTheLimitOfUnwrittenData() throws {
        let half: UInt64 = 10 << 30
        let time = perMinute(1_000)
        #expect(try ids(writing(time, dirty: half)) == ["dirty-bytes-writeback"])
        #expect(try ids(writing(time - 1, dirty: half)) == ["loader-storage-wait"])
        #expect(try ids(writing(time, dirty: half - 1)) == ["loader-storage-wait"])
        // At 8 GiB and less the advice would raise the limit.
        #expect(try ids(writing(time, dirty: half, ratio: "8")) == ["loader-storage-wait"])
        let finding = try #require(
            try Rule.dirtyBytesWriteback.check(writing(time, dirty: half)).first)
        #expect(finding.culprit?.id == "sda")
        #expect(
            finding.fix.rollback.first
                == "sysctl -w vm.dirty_background_ratio=10 vm.dirty_ratio=20")
    }
}
