// swift-tools-version: 6.0
// The simulated jobs of CorrelationTests alone, optimised: twenty seeds of each scenario in half a
// minute. Not by the whole package: Swift 6.3.1 crashed where its other tests were built optimised.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "attribution",
    targets: [
        .target(name: "Correlation", path: "Correlation", swiftSettings: settings),
        .testTarget(
            name: "CorrelationTests", dependencies: ["Correlation"], path: "CorrelationTests",
            exclude: ["reference.py"], swiftSettings: settings),
    ])
