import CRecords

#if arch(x86_64)
    /// System call numbers by what the ledger wants to know of them (arch/x86 syscall_64.tbl).
    let systemCalls: [(ledger_call, [Int])] = [
        (LEDGER_CALL_YIELD, [24]),
        // mmap mprotect munmap brk mremap madvise mlock munlock mlockall pkey_mprotect
        (LEDGER_CALL_MEMORY, [9, 10, 11, 12, 25, 28, 149, 150, 151, 329]),
        // write pwrite64 writev msync sendfile fsync fdatasync truncate ftruncate sync
        // sync_file_range fallocate pwritev syncfs copy_file_range pwritev2
        (
            LEDGER_CALL_WRITE,
            [1, 18, 20, 26, 40, 74, 75, 76, 77, 162, 277, 285, 296, 306, 326, 328]
        ),
    ]
#else
    /// System call numbers by what the ledger wants to know of them (asm-generic/unistd.h).
    let systemCalls: [(ledger_call, [Int])] = [
        (LEDGER_CALL_YIELD, [124]),
        (LEDGER_CALL_MEMORY, [214, 215, 216, 222, 226, 228, 229, 230, 233, 288]),
        (
            LEDGER_CALL_WRITE,
            [45, 46, 47, 64, 66, 68, 70, 71, 81, 82, 83, 84, 227, 267, 285, 287]
        ),
    ]
#endif
