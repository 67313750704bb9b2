import CNVML

/// NVIDIA's management library, loaded. Its functions may be called by any thread.
struct NVMLLibrary: @unchecked Sendable {
    let functions: nvml_library

    /// The name under which every driver installs it.
    static let defaultPath = "libnvidia-ml.so.1"

    init(path: String) throws(WorkerFailure) {
        var library = nvml_library()
        var why = [CChar](repeating: 0, count: 512)
        guard nvml_open(path, &library, &why, why.count) == 0 else {
            throw WorkerFailure("cannot load NVML: \(text(why))")
        }
        functions = library
    }

    /// What a code of the library means, in words for an operator.
    static func sentence(_ code: Int32) -> String {
        sentences[code] ?? "NVML error \(code)"
    }

    /// nvml.h, nvmlReturn_t. Code 18 comes after a driver update without a reboot.
    private static let sentences: [Int32: String] = [
        -1: "the library lacks the function",
        1: "NVML was not started",
        2: "NVML refused an argument",
        3: "not supported",
        4: "no permission",
        6: "not found",
        8: "a power cable of the GPU is not connected",
        9: "the NVIDIA driver is not loaded",
        10: "NVML ran into a timeout",
        11: "the kernel gave the GPU no interrupt",
        12: "a library of the driver is missing",
        15: "the GPU is lost: it fell off the bus or cannot be reached",
        16: "the GPU must be reset",
        17: "the operating system blocks the GPU",
        18: "the NVIDIA driver in the kernel and its library have different versions",
        19: "the GPU is in use",
        20: "out of memory",
        999: "unknown NVML error",
    ]
}

/// Why the worker, or a part of it, cannot go on.
struct WorkerFailure: Error {
    var reason: String
    /// What NVML answered, where it was NVML.
    var code: Int32?

    init(_ reason: String, code: Int32? = nil) {
        self.reason = reason
        self.code = code
    }
}

/// Text of a C array up to its NUL.
func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
