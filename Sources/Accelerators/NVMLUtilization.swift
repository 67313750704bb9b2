import CNVML
import Host

/// How long a GPU was at work, from the best source that it has.
struct NVMLUtilization {
    private let functions: nvml_library
    private let device: OpaquePointer
    private var integral = ActivityIntegral()
    private var gpm: GPMCounters?
    private var hasLooked = false

    /// RM keeps 72 entries; room for a driver that keeps more.
    private static let ring = 256
    /// nvmlSamplingType_t: share of time in which a kernel ran.
    private static let kind: UInt32 = 1

    init(_ library: NVMLLibrary, _ device: OpaquePointer) {
        functions = library.functions
        self.device = device
    }

    var activity: GPUActivity {
        var activity = GPUActivity()
        if integral.source != nil {
            (activity.active, activity.observed) = (integral.active, integral.observed)
            activity.source = integral.source
        }
        if let gpm, gpm.observed > 0 {
            (activity.smActive, activity.tensorActive) = (gpm.sm, gpm.tensor)
            activity.counted = gpm.observed
        }
        return activity
    }

    /// `passed`: ns since the last reading, 0 at the first one.
    mutating func read(over passed: UInt64, _ calls: DriverCalls) {
        if !hasLooked { gpm = GPMCounters(functions, device, calls) }
        let graphics = gpm?.read(over: passed, calls)
        let samples = samples(calls)
        guard hasLooked else {
            hasLooked = true
            integral.begin(after: samples ?? [])
            return
        }
        if let samples, integral.add(samples) { return }
        // An idle ring is empty; with MIG there is none.
        if let graphics {
            integral.add(percent: graphics, over: passed, as: .counters)
        } else if let rate = rate(calls) {
            integral.add(percent: rate, over: passed, as: .rate)
        }
    }

    private func samples(_ calls: DriverCalls) -> [ActivityIntegral.Sample]? {
        guard let function = functions.samples else { return nil }
        var buffer = [nvml_sample](repeating: nvml_sample(), count: Self.ring)
        var count = UInt32(buffer.count)
        var type: UInt32 = 0
        let code = calls("nvmlDeviceGetSamples") {
            function(device, Self.kind, integral.newest, &type, &count, &buffer)
        }
        guard code == 0, Int(count) <= buffer.count, type == NVML_TYPE_UNSIGNED_INT.rawValue
        else { return nil }
        return buffer.prefix(Int(count)).map {
            ActivityIntegral.Sample(
                microseconds: $0.microseconds, percent: Double($0.value.unsigned_int))
        }
    }

    private func rate(_ calls: DriverCalls) -> Double? {
        guard let function = functions.utilization else { return nil }
        var rates = nvml_utilization()
        let code = calls("nvmlDeviceGetUtilizationRates") { function(device, &rates) }
        return code == 0 ? Double(rates.gpu) : nil
    }
}

/// The GPU's own performance counters, Hopper and later.
struct GPMCounters {
    private let functions: nvml_library
    private let device: OpaquePointer
    private var earlier: OpaquePointer?
    private var later: OpaquePointer?
    private var hasEarlier = false
    private(set) var sm: UInt64 = 0
    private(set) var tensor: UInt64 = 0
    private(set) var observed: UInt64 = 0

    /// nvmlGpmMetricId_t: graphics engine, multiprocessors, any tensor core; percent.
    private static let metrics: [UInt32] = [1, 2, 5]
    /// The counters are brought up to date every 100 ms: a closer pair says little.
    private static let shortest: UInt64 = 200_000_000

    /// `nil` where the GPU has no such counters.
    init?(_ functions: nvml_library, _ device: OpaquePointer, _ calls: DriverCalls) {
        guard let support = functions.gpm_support, let allocate = functions.gpm_allocate,
            functions.gpm_sample != nil, functions.gpm_metrics != nil
        else { return nil }
        var answer = nvml_gpm_support(version: 1, is_supported: 0)
        var (first, second): (OpaquePointer?, OpaquePointer?) = (nil, nil)
        guard calls("nvmlGpmQueryDeviceSupport", { support(device, &answer) }) == 0,
            answer.is_supported == 1,
            calls("nvmlGpmSampleAlloc", { allocate(&first) }) == 0,
            calls("nvmlGpmSampleAlloc", { allocate(&second) }) == 0
        else { return nil }
        (earlier, later) = (first, second)
        self.functions = functions
        self.device = device
    }

    /// Adds up what happened in `passed`; percent of it that the graphics engine was at work.
    mutating func read(over passed: UInt64, _ calls: DriverCalls) -> Double? {
        guard let sample = functions.gpm_sample, !hasEarlier || passed >= Self.shortest,
            calls("nvmlGpmSampleGet", { sample(device, later) }) == 0
        else { return nil }
        defer {
            swap(&earlier, &later)
            hasEarlier = true
        }
        guard hasEarlier, let values = values(calls) else { return nil }
        observed &+= passed
        sm &+= part(values[1] / 100, of: passed)
        tensor &+= part(values[2] / 100, of: passed)
        return values[0]
    }

    private func values(_ calls: DriverCalls) -> [Double]? {
        guard let function = functions.gpm_metrics else { return nil }
        var request = nvml_gpm_request()
        (request.version, request.count) = (1, UInt32(Self.metrics.count))
        (request.earlier, request.later) = (earlier, later)
        (request.metrics.0.id, request.metrics.1.id, request.metrics.2.id) = (
            Self.metrics[0], Self.metrics[1], Self.metrics[2]
        )
        guard calls("nvmlGpmMetricsGet", { function(&request) }) == 0 else { return nil }
        let metrics = [request.metrics.0, request.metrics.1, request.metrics.2]
        guard metrics.allSatisfy({ $0.code == 0 && $0.value.isFinite }) else { return nil }
        return metrics.map(\.value)
    }
}
