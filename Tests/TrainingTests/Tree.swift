import FoundationEssentials
import Host

/// A tree of files in a temporary folder, gone with the value.
struct Tree: ~Copyable {
    let folder: URL

    init() {
        let name = "stoker-\(UUID().uuidString)"
        folder = FileManager.default.temporaryDirectory.appending(path: name)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var host: Host { Host(root: folder.path) }

    /// Writes `text` with a newline at its end, as the kernel does.
    func write(_ path: String, _ text: String) throws {
        try write(path, bytes: Array((text + "\n").utf8))
    }

    func write(_ path: String, bytes: [UInt8]) throws {
        let file = folder.appending(path: String(path.dropFirst()))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    func link(_ path: String, to target: String) throws {
        let file = folder.appending(path: String(path.dropFirst()))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: file.path, withDestinationPath: target)
    }

    func remove(_ path: String) throws {
        try FileManager.default.removeItem(at: folder.appending(path: String(path.dropFirst())))
    }
}
