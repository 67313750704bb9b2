import Host
import Outputs
import Rules
import Signals
import Testing
import Training

/// The last hour: bounded, and honest about gaps.
@Suite struct HourOfSumsTests {
    private let second: UInt64 = 1_000_000_000

    private func add(
        _ change: Readings, to hour: inout HourOfSums, at seconds: UInt64,
        job: Job = Samples.job, cost: Double = 0.31
    ) {
        var diagnosis = Samples.diagnosis
        diagnosis.findings[0].cost.launchShare = cost
        hour.add(
            Window(nanoseconds: second, change: change), job, diagnosis, at: seconds * second)
    }

    private func threads(_ time: [ThreadState: UInt64]) -> Readings {
        var change = Readings()
        change[Threads.self] = .success(
            Threads(threads: [
                Samples.thread(4242, "python3", time),
                Samples.thread(4301, "pt_data_worker", [.running: 1_000]),
            ]))
        return change
    }

    @Test func sumsTheLaunchThreadsByState() throws {
        var hour = HourOfSums()
        for tick in 0..<10 as Range<UInt64> {
            add(
                threads([.running: 500, .waiting: 300, .irq: 100, .softirq: 50, .fault: 50]),
                to: &hour, at: 100 + tick)
        }
        let point = try #require(hour.points.last ?? nil)
        #expect(hour.points.count == HourOfSums.count)
        #expect(abs(point[.running] - 5) < 1e-9 && abs(point[.waiting] - 3) < 1e-9)
        #expect(abs(point[.interrupted] - 1.5) < 1e-9 && abs(point[.memory] - 0.5) < 1e-9)
        #expect(abs(point.seconds - 10) < 1e-9)
        #expect(abs((point.hostCost ?? 0) - 0.31) < 1e-9 && point.gpuBusy == nil)
    }

    @Test func everyStateIsInOneGroup() {
        let states = TimeGroup.allCases.flatMap(\.states)
        #expect(Set(states) == Set(ThreadState.allCases))
        #expect(states.count == ThreadState.allCases.count)
    }

    @Test func theGPUsAreTheirMeanAndUnknownOnesAreLeftOut() throws {
        let gpus = [(700, 1_000), (100, 1_000), (0, 0)].map { active, observed in
            var gpu = GPUReading(pci: "0000:0\(active / 100):00.0")
            (gpu.activity.active, gpu.activity.observed) = (UInt64(active), UInt64(observed))
            return gpu
        }
        var change = Readings()
        change[GPUs.self] = .success(GPUs(gpus: gpus + [GPUReading(pci: "silent")]))
        var hour = HourOfSums()
        add(change, to: &hour, at: 5)
        let point = try #require(hour.points.last ?? nil)
        #expect(abs((point.gpuBusy ?? 0) - 0.4) < 1e-9)
    }

    @Test func timeWithoutTicksStaysEmpty() {
        var hour = HourOfSums()
        add(threads([.running: 1_000]), to: &hour, at: 1_000)
        add(threads([.running: 1_000]), to: &hour, at: 1_040)
        let present = hour.points.suffix(6).map { $0 != nil }
        #expect(present == [false, true, false, false, false, true])
    }

    @Test func nobodyTrainingIsNoTime() throws {
        var job = Samples.job
        job.scope = .host
        var hour = HourOfSums()
        add(threads([.running: 1_000]), to: &hour, at: 7, job: job)
        let point = try #require(hour.points.last ?? nil)
        #expect(point.seconds == 0 && point.hostCost == nil)
    }

    @Test func itHoldsOneHourHoweverLongItRuns() {
        var hour = HourOfSums()
        for tick in 0..<20_000 as Range<UInt64> {
            add(threads([.running: tick < 16_400 ? 1_000 : 900]), to: &hour, at: tick * 7 / 2)
        }
        let points = hour.points
        #expect(points.count == 360 && points.allSatisfy { $0 != nil })
        #expect(points.allSatisfy { ($0?.seconds ?? 9) <= 3.01 })
    }

    @Test func oddClocksAndFiguresAreSurvived() {
        var hour = HourOfSums()
        add(threads([.running: 1_000]), to: &hour, at: 10_000)
        // A clock that went back begins anew.
        add(threads([.running: 1_000]), to: &hour, at: 9_000)
        #expect(hour.points.count { $0 != nil } == 1)
        // A day without a tick.
        add(threads([.running: 1_000]), to: &hour, at: 95_000)
        #expect(hour.points.count { $0 != nil } == 1)
        hour.add(
            Window(nanoseconds: .max, change: threads([.sleeping: 1])), Samples.job,
            Samples.diagnosis, at: .max)
        for cost in [Double.nan, .infinity, -1, 1e300] {
            add(threads([:]), to: &hour, at: 95_010, cost: cost)
        }
        #expect(hour.points.allSatisfy { ($0?.hostCost ?? 0) <= 1 })
        #expect(HourOfSums().points.isEmpty)
    }

    @Test func theChartLeavesGapsEmpty() {
        let about = PageAbout(host: "h", version: "0", now: 0)
        let whole = page(Samples.hour(of: .running), about)
        let broken = page(Samples.hour(of: .running, without: 100..<150), about)
        #expect(starts(in: whole, of: "running") == 1)
        #expect(starts(in: broken, of: "running") == 2)
        #expect(!whole.contains("<path class=\"waiting\""))
    }

    private func page(_ hour: HourOfSums, _ about: PageAbout) -> String {
        hostPage(
            PageReport(Observation(), Diagnosis(verdict: .unknown)), hour: hour, about: about)
    }

    /// Stretches that the area of that colour consists of.
    private func starts(in page: String, of colour: String) -> Int {
        let area = page.split(separator: "<path class=\"\(colour)\"").dropFirst().first ?? ""
        return area.prefix { $0 != ">" }.count { $0 == "M" }
    }
}

extension Samples {
    /// An hour that one launch thread spent in one state.
    static func hour(of state: ThreadState, without gap: Range<Int> = 0..<0) -> HourOfSums {
        var hour = HourOfSums()
        for point in 0..<HourOfSums.count where !gap.contains(point) {
            var change = Readings()
            change[Threads.self] = .success(
                Threads(threads: [thread(4242, "python3", [state: 10_000])]))
            hour.add(
                Window(nanoseconds: 10 * second, change: change), job, diagnosis,
                at: UInt64(point + 1) * 10 * second)
        }
        return hour
    }
}
