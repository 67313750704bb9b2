// swift-tools-version: 6.2
import PackageDescription

/// Debian's C libraries as archives, for a binary that is one self-contained file: `make release`.
let linksStatically = Context.environment["STOKER_STATIC"] == "1"

func library(_ name: String) -> LinkerSetting {
    .linkedLibrary(linksStatically ? ":lib\(name).a" : name)
}

let common: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// Targets with this setting cannot touch a pointer without saying `unsafe`.
let checked = common + [.strictMemorySafety()]

let package = Package(
    name: "stoker",
    products: [.executable(name: "stoker", targets: ["stoker"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        // The kernel boundary: C and pointers stop here.
        .systemLibrary(
            name: "CLibbpf",
            providers: [.apt(["libbpf-dev", "libelf-dev", "zlib1g-dev"])]),
        .target(name: "CRecords", path: "bpf/records", publicHeadersPath: "."),
        .plugin(name: "CompileBPF", capability: .buildTool(), path: "bpf/plugin"),
        .target(
            name: "BPF",
            dependencies: ["CLibbpf"],
            swiftSettings: common,
            linkerSettings: [library("bpf"), library("elf"), library("z")]),
        .target(name: "CScheduler"),
        .target(name: "Host", dependencies: ["CScheduler"], swiftSettings: common),
        .target(name: "CNVML"),
        .target(name: "Accelerators", dependencies: ["CNVML", "Host"], swiftSettings: common),
        .target(name: "CEthtool"),
        .target(name: "Fabric", dependencies: ["CEthtool", "Host"], swiftSettings: common),

        // Values in, values out.
        .target(
            name: "Signals",
            dependencies: ["Accelerators", "BPF", "CRecords", "Fabric", "Host"],
            swiftSettings: common,
            plugins: ["CompileBPF"]),
        .target(name: "Correlation", swiftSettings: checked),
        .target(name: "Training", dependencies: ["Host", "Signals"], swiftSettings: checked),
        .target(
            name: "Rules", dependencies: ["Correlation", "Fabric", "Host", "Signals", "Training"],
            swiftSettings: checked),
        .target(
            name: "Outputs", dependencies: ["Fabric", "Host", "Rules", "Signals", "Training"],
            swiftSettings: checked),
        // History in SQLite files.
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "Recording",
            dependencies: ["CSQLite", "CZlib", "Host", "Signals", "Training"],
            swiftSettings: common,
            linkerSettings: [library("sqlite3"), library("z")]),
        .target(
            name: "Daemon",
            dependencies: ["Accelerators", "BPF", "Host", "Rules", "Signals", "Training"],
            swiftSettings: common),

        // Answers over HTTP with what it is handed.
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .target(
            name: "Serving",
            dependencies: [
                "CCrypt", "CZlib",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: common,
            linkerSettings: [library("crypt"), library("z")]),

        // The daemon's files, and its manners under systemd.
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
        .target(
            name: "Configuration", dependencies: ["CYAML", "Host", "Serving", "Training"],
            swiftSettings: common,
            linkerSettings: [library("yaml")]),
        .target(name: "CService"),
        .target(
            name: "Service", dependencies: ["CService", "Outputs"], swiftSettings: common),

        .executableTarget(
            name: "stoker",
            dependencies: [
                "Accelerators", "Configuration", "Daemon", "Fabric", "Host", "Outputs",
                "Recording", "Rules", "Service", "Serving", "Signals", "Training",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: common),

        // Described machines as trees of files, for the tests and for Benchmarks/scale.
        .target(
            name: "Machines", dependencies: ["Host", "Signals", "Training"],
            path: "Tests/Machines", swiftSettings: common),
        .executableTarget(
            name: "scale-bench",
            dependencies: ["Host", "Machines", "Rules", "Signals", "Training"],
            path: "Benchmarks/scale", exclude: ["README.md"], swiftSettings: common),
        .executableTarget(
            name: "page-samples",
            dependencies: ["Host", "Machines", "Outputs", "Rules", "Signals", "Training"],
            path: "Tests/PageSamples", swiftSettings: common),
        .executableTarget(
            name: "metrics-samples",
            dependencies: [
                "Fabric", "Host", "Machines", "Outputs", "Rules", "Signals", "Training",
            ],
            path: "Tests/MetricsSamples", swiftSettings: common),

        // What a recorded tick costs; killed at work by RecordingTests.
        .executableTarget(
            name: "recording-bench", dependencies: ["Host", "Recording", "Signals", "Training"],
            path: "Benchmarks/recording", swiftSettings: common),

        .testTarget(
            name: "CorrelationTests", dependencies: ["Correlation"], exclude: ["reference.py"],
            swiftSettings: common),
        .testTarget(name: "HostTests", dependencies: ["Host", "Machines"], swiftSettings: common),
        .testTarget(
            name: "AcceleratorsTests",
            dependencies: ["Accelerators", "CNVML", "Host", "Machines"], swiftSettings: common),
        .testTarget(
            name: "FabricTests", dependencies: ["Fabric", "Host", "Machines"],
            swiftSettings: common),
        .testTarget(
            name: "SignalsTests",
            dependencies: ["Accelerators", "CRecords", "Fabric", "Host", "Machines", "Signals"],
            swiftSettings: common),
        .testTarget(
            name: "TrainingTests", dependencies: ["Host", "Signals", "Training"],
            swiftSettings: common),
        .testTarget(
            name: "RulesTests",
            dependencies: ["Fabric", "Host", "Machines", "Rules", "Signals", "Training"],
            swiftSettings: common),
        .testTarget(
            name: "OutputsTests",
            dependencies: ["Fabric", "Host", "Outputs", "Rules", "Signals", "Training"],
            swiftSettings: common),
        .testTarget(
            name: "DaemonTests",
            dependencies: ["Daemon", "Host", "Machines", "Rules", "Signals", "Training"],
            swiftSettings: common),
        .testTarget(
            name: "RecordingTests",
            dependencies: [
                "CSQLite", "Fabric", "Host", "Machines", "Recording", "Rules", "Signals",
                "Training",
            ],
            swiftSettings: common),
        .testTarget(
            name: "ServingTests", dependencies: ["CZlib", "Serving"], swiftSettings: common),
        .testTarget(
            name: "ConfigurationTests", dependencies: ["Configuration", "Host", "Machines"],
            swiftSettings: common),
        .testTarget(
            name: "ServiceTests", dependencies: ["Host", "Service"], swiftSettings: common),
        .testTarget(
            name: "KernelTests",
            dependencies: ["BPF", "CRecords", "Host", "Signals", "Training"],
            swiftSettings: common),
    ],
    swiftLanguageModes: [.v6]
)
