// SPDX-License-Identifier: GPL-2.0
/*
 * Run-queue latency the usual way, and nothing else: a wake-up leaves its time in a hash keyed
 * by pid, the switch to the task takes it out. Three programs, two clock readings and three
 * visits to the hash for each wait.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "ledger.h"

enum { SLOTS = 64, ENTRIES = 10240 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ENTRIES);
	__type(key, __u32);
	__type(value, __u64);
} began SEC(".maps");

struct histogram {
	__u64 slots[SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct histogram);
} waits SEC(".maps");

static __always_inline int queued(struct task_struct *task)
{
	__u32 pid = task->pid;
	__u64 now;

	if (!pid)
		return 0;
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&began, &pid, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	return queued(task);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	return queued(task);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempted, struct task_struct *prev, struct task_struct *next)
{
	__u32 pid = next->pid, only = 0;
	struct histogram *histogram;
	__u64 *since;
	__s64 waited;

	if (prev->__state == TASK_RUNNING)
		queued(prev);
	since = bpf_map_lookup_elem(&began, &pid);
	histogram = bpf_map_lookup_elem(&waits, &only);
	if (!since || !histogram)
		return 0;
	waited = bpf_ktime_get_ns() - *since;
	if (waited >= 0)
		__sync_fetch_and_add(&histogram->slots[slot_of(waited, SLOTS)], 1);
	bpf_map_delete_elem(&began, &pid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
