import Glibc
import Host

/// The right to write history into a folder, which one process at a time has. It ends with the value,
/// and with the process however that dies.
package struct HistoryLock: ~Copyable {
    static let name = "lock"

    let folder: SegmentFolder
    private let descriptor: CInt

    /// Makes the folder where there is none. What keeps it from being used is thrown: another
    /// recorder with its pid.
    package init(folder path: String) throws(RecordingError) {
        let folder = try SegmentFolder(creating: path)
        let file = "\(folder.path)/\(Self.name)"
        let descriptor = open(
            file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(file) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            defer { close(descriptor) }
            guard errno == EWOULDBLOCK else { throw Self.failure(file) }
            throw .locked(path: path, pid: Self.holder(file))
        }
        self.folder = folder
        self.descriptor = descriptor
        write()
    }

    deinit {
        ftruncate(descriptor, 0)
        close(descriptor)
    }

    /// For people, and for who is refused; a disk too full for it keeps nobody from recording.
    private func write() {
        let text = Array("\(getpid())\n".utf8)
        ftruncate(descriptor, 0)
        _ = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    private static func failure(_ path: String) -> RecordingError {
        .file(path: path, reason: String(cString: strerror(errno)))
    }

    private static func holder(_ file: String) -> Int32? {
        (try? Host().bytes(file, limit: 16)).flatMap { bytes in
            Int32(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber })
        }
    }
}
