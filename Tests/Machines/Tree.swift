import FoundationEssentials
import Glibc
package import Host

/// A tree of files in a temporary folder, gone with the value.
package struct Tree: ~Copyable {
    package let folder: String

    package init() {
        let name = "stoker-\(UUID().uuidString)"
        folder = FileManager.default.temporaryDirectory.appending(path: name).path
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    package var host: Host { Host(root: folder) }

    /// Writes `text` with a newline at its end, as the kernel does.
    package func write(_ path: String, _ text: String) throws(FileError) {
        try write(path, bytes: Array((text + "\n").utf8))
    }

    /// Writes a file anew. A large host has tens of thousands: folders are made when missed only.
    package func write(_ path: String, bytes: [UInt8]) throws(FileError) {
        var descriptor = create(path)
        if descriptor < 0 && errno == ENOENT {
            makeFolder(parent(of: path))
            descriptor = create(path)
        }
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw FileError(path: path, errno: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// A symbolic link with the text `target`, as sysfs has them: relative, or it would leave the
    /// tree.
    package func link(_ path: String, to target: String) throws(FileError) {
        makeFolder(parent(of: path))
        guard symlink(target, folder + path) == 0 else {
            throw FileError(path: path, errno: errno)
        }
    }

    package func makeFolder(_ path: String) {
        guard mkdir(folder + path, 0o755) != 0, errno == ENOENT else { return }
        // The root of the tree has no parent inside it.
        let above = path.isEmpty ? nil : parent(of: path)
        guard let above else { return }
        makeFolder(above)
        mkdir(folder + path, 0o755)
    }

    package func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: folder + path)
    }

    /// Paths of all files in it, sorted; folders and links are left out.
    package var files: [String] {
        let paths = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        return paths.map { "/" + $0 }.filter { path in
            var status = stat()
            return lstat(folder + path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        }.sorted()
    }

    private func create(_ path: String) -> CInt {
        open(folder + path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    }

    private func parent(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}

/// A captured machine under Tests/Fixtures.
package func fixture(_ name: String) -> Host {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return Host(root: tests.appending(path: "Fixtures/\(name)").path)
}
