import FoundationEssentials
import Glibc

/// What a "GPU" has done, as Tests/NVML/fake.h reads it: one number of 8 bytes for each. A class
/// because the file is one.
final class SharedProgress {
    let path: String
    private let numbers: UnsafeMutablePointer<UInt64>

    init?() {
        path = FileManager.default.temporaryDirectory.appending(path: "progress-\(UUID())").path
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0, ftruncate(file, 4_096) == 0,
            let address = mmap(nil, 4_096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
            address != MAP_FAILED
        else { return nil }
        close(file)
        numbers = address.bindMemory(to: UInt64.self, capacity: 512)
    }

    deinit {
        munmap(numbers, 4_096)
        unlink(path)
    }

    func add(_ nanoseconds: UInt64, at index: Int) { numbers[index] &+= nanoseconds }
}
