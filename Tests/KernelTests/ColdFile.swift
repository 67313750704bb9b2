import Glibc

/// A file on a disk whose pages are not in memory; removed at the end.
struct ColdFile: ~Copyable {
    let path: String

    init(mebibytes: Int) throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/.build/cold-\(getpid())"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SetupError(what: path) }
        defer { close(file) }
        let block = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<mebibytes where write(file, block, block.count) != block.count {
            throw SetupError(what: path)
        }
        guard fsync(file) == 0 else { throw SetupError(what: path) }
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
        self.path = path
    }

    deinit { unlink(path) }
}
