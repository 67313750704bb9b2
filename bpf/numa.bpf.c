// SPDX-License-Identifier: GPL-2.0
/*
 * What NUMA balancing does: how long each thread had to mark pages of its own process
 * (task_numa_work, on its way back to user space), and which pages were moved why.
 * Only one of the two pairs of programs that time the function is loaded.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "numa.h"

const volatile struct numa_config config SEC(".rodata.config");

struct begun {
	__u64 at;
	__u64 stamp;
};

/* Calls under way, by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NUMA_UNDER_WAY);
	__type(key, __u32);
	__type(value, struct begun);
} begun SEC(".maps");

/* By thread; emptied by every reading. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NUMA_THREADS);
	__type(key, __u32);
	__type(value, struct numa_scan);
} scans SEC(".maps");

/* Pages that were moved, by the kernel's reason. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NUMA_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} migrated SEC(".maps");

/* Scans of threads that found no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void count_lost(void)
{
	__u32 zero = 0;
	__u64 *misses = bpf_map_lookup_elem(&lost, &zero);

	if (misses)
		__sync_fetch_and_add(misses, 1);
}

/*
 * The kernel moves the stamp of a thread that goes on to scan; most calls find that
 * another thread of the process did it lately, and return at once.
 */
static __always_inline __u64 stamp_of_current(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, node_stamp);
}

static __always_inline int scan_begins(void)
{
	__u64 who = bpf_get_current_pid_tgid();
	struct begun now = { bpf_ktime_get_ns(), stamp_of_current() };
	__u32 tid = (__u32)who;

	if (who >> 32 == config.self)
		return 0;
	if (bpf_map_update_elem(&begun, &tid, &now, BPF_ANY))
		count_lost();
	return 0;
}

static __always_inline struct numa_scan *scan_of(__u32 tid)
{
	struct numa_scan *scan = bpf_map_lookup_elem(&scans, &tid), fresh = {};

	if (scan)
		return scan;
	bpf_map_update_elem(&scans, &tid, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&scans, &tid);
}

static __always_inline int scan_ends(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct begun *then = bpf_map_lookup_elem(&begun, &tid);
	struct numa_scan *scan;
	__u64 spent;
	bool took_place;

	if (!then)
		return 0;
	spent = bpf_ktime_get_ns() - then->at;
	took_place = then->stamp != stamp_of_current();
	bpf_map_delete_elem(&begun, &tid);
	if (!took_place)
		return 0;
	scan = scan_of(tid);
	if (!scan) {
		count_lost();
		return 0;
	}
	scan->count++;
	scan->nanoseconds += spent;
	if (spent > scan->longest)
		scan->longest = spent;
	return 0;
}

SEC("fentry/task_numa_work")
int on_enter(void *context)
{
	return scan_begins();
}

SEC("fexit/task_numa_work")
int on_leave(void *context)
{
	return scan_ends();
}

SEC("kprobe/task_numa_work")
int on_enter_slowly(void *context)
{
	return scan_begins();
}

SEC("kretprobe/task_numa_work")
int on_leave_slowly(void *context)
{
	return scan_ends();
}

/* The verifier takes constant offsets only; the compiler would add them up first. */
#define ARGUMENT(list, number)                                                                     \
	({                                                                                         \
		__u64 value;                                                                       \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(value) : "r"(list), "i"(8 * number)); \
		value;                                                                             \
	})

/* The last argument; between the counts of pages and it kernels have more and more others. */
static __always_inline __u32 reason_of(const __u64 *arguments)
{
	switch (config.reason_argument) {
	case 3: /* succeeded, failed, mode, reason */
		return (__u32)ARGUMENT(arguments, 3);
	case 6: /* and counts of huge pages */
		return (__u32)ARGUMENT(arguments, 6);
	case 7: /* and of large folios that were split */
		return (__u32)ARGUMENT(arguments, 7);
	default:
		return NUMA_REASONS - 1;
	}
}

SEC("tp_btf/mm_migrate_pages")
int on_migrate(const __u64 *arguments)
{
	__u64 pages = ARGUMENT(arguments, 0);
	__u32 reason = reason_of(arguments);
	__u64 *sum;

	if (!pages)
		return 0;
	if (reason >= NUMA_REASONS)
		reason = NUMA_REASONS - 1;
	sum = bpf_map_lookup_elem(&migrated, &reason);
	if (sum)
		__sync_fetch_and_add(sum, pages);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
