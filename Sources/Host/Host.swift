import Glibc

/// The machine as its files describe it. Tests point `root` at a captured tree.
package struct Host: Sendable {
    /// Prefix of every path that is read; empty on the live machine.
    package var root: String

    package init(root: String = "") { self.root = root }

    /// A tree that was captured elsewhere: nothing may be asked of the running kernel.
    package var isCaptured: Bool { !root.isEmpty }

    /// The whole text of a small kernel file such as `/proc/vmstat`; invalid UTF-8 is repaired.
    package func text(_ path: String) throws(FileError) -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    /// The raw content of a small kernel file, at most `limit` bytes of it.
    package func bytes(_ path: String, limit: Int = 16 << 20) throws(FileError) -> [UInt8] {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var isAtEnd = false
        while !isAtEnd && bytes.count < limit {
            // Most files fit into the first page; a second read has to find their end.
            let free = bytes.capacity - bytes.count
            let room = free >= 512 ? free : max(4096, 3 * bytes.count)
            let before = bytes.count
            try Self.read(descriptor, to: &bytes, most: min(room, limit - before), path)
            isAtEnd = bytes.count == before
        }
        return bytes
    }

    /// Exactly `count` bytes that begin at `offset`.
    package func bytes(
        _ path: String, at offset: UInt64, count: Int
    ) throws(FileError) -> [UInt8] {
        guard let offset = off_t(exactly: offset) else {
            throw FileError(path: path, errno: EINVAL)
        }
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let size = pread(descriptor, &bytes, count, offset)
        guard size == count else { throw FileError(path: path, errno: size < 0 ? errno : EIO) }
        return bytes
    }

    /// Hands a file over in the pieces in which the kernel writes it, until `take` answers false.
    package func stream(_ path: String, _ take: ([UInt8]) -> Bool) throws(FileError) {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno) }
        defer { close(descriptor) }
        while true {
            var piece: [UInt8] = []
            try Self.read(descriptor, to: &piece, most: 64 << 10, path)
            guard !piece.isEmpty, take(piece) else { return }
        }
    }

    /// The first line of a file without surrounding blanks; `nil` when it cannot be read.
    package func line(_ path: String) -> String? {
        guard let bytes = try? bytes(path, limit: 64 << 10) else { return nil }
        var text = KernelText(bytes)
        return text.nextLine() ? text.rest() : ""
    }

    /// A file that holds one decimal number; `nil` when it cannot be read or is not one.
    package func number(_ path: String) -> Int64? { line(path).flatMap { Int64($0) } }

    /// Names in a folder, sorted, without `.` and `..`; empty when it cannot be read.
    package func names(in path: String) -> [String] {
        guard let folder = opendir(root + path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Names in a folder that are decimal numbers, as numbers in ascending order.
    package func numbers(in path: String) -> [Int] {
        names(in: path).compactMap { Int($0) }.sorted()
    }

    /// What a symbolic link points to; `nil` when there is none.
    package func link(_ path: String) -> String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = target.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return -1 }
            return readlink(root + path, start, bytes.count)
        }
        return count >= 0 ? String(decoding: target[..<count], as: UTF8.self) : nil
    }

    /// The permission bits of a file; `nil` when there is none.
    package func mode(_ path: String) -> UInt32? {
        var status = stat()
        return stat(root + path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    package func exists(_ path: String) -> Bool { access(root + path, F_OK) == 0 }

    /// One `read` of at most `most` bytes, behind those that `bytes` has; none at the end of the file.
    private static func read(
        _ descriptor: CInt, to bytes: inout [UInt8], most: Int, _ path: String
    ) throws(FileError) {
        var result = 0
        bytes.append(addingCapacity: most) { output in
            output.withUnsafeMutableBufferPointer { buffer, count in
                result = Glibc.read(descriptor, buffer.baseAddress, most)
                count = max(result, 0)
            }
        }
        guard result >= 0 else { throw FileError(path: path, errno: errno) }
    }
}

/// A kernel file that could not be read.
package struct FileError: Error, Equatable {
    package var path: String
    package var errno: CInt

    package init(path: String, errno: CInt) {
        self.path = path
        self.errno = errno
    }

    /// The reason in the C library's words, such as "Permission denied".
    package var reason: String { String(cString: strerror(errno)) }
}

extension Substring {
    /// Without blanks at either end.
    package var trimmed: Substring {
        var rest = self
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return rest
    }
}
