// SPDX-License-Identifier: GPL-2.0
/*
 * The floor of accounting by task: time waiting, on and off the CPU and counts of every task,
 * from one program on the switch that reads the kernel's own stamps and keeps its sums in task
 * storage; beside it times of interrupts and counts of faults. Who waited for whom, states,
 * quotas and everything else that makes a diagnosis is left out.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "ledger.h"

enum { SLOTS = 64, SOFTIRQS = 16 };

struct task_sums {
	__u64 since; /* the last switch, either way */
	__u64 waited;
	__u64 on_cpu;
	__u64 off_cpu;
	__u64 switches;
	__u64 preempted;
	__u64 faults;
};

/* The histogram of waits comes first: the loader shows it. */
struct cpu_sums {
	__u64 waits[SLOTS];
	__u64 stints[SLOTS];
	__u64 softirqs[SOFTIRQS];
	__u64 softirq_slots[SLOTS];
	__u64 irqs;
	__u64 irq_time;
	__u64 irq_began;
	__u64 softirq_began;
	__u64 idle;
	__u64 reserved[3];
} __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_sums);
} tasks SEC(".maps");

/* One for each possible CPU; the loader sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct cpu_sums);
} waits SEC(".maps");

static __always_inline struct cpu_sums *this_cpu(void)
{
	__u32 number = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&waits, &number);
}

static __always_inline struct task_sums *sums_of(struct task_struct *task)
{
	return bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void leave(struct task_struct *task, struct cpu_sums *cpu, __u64 now,
				  bool preempted)
{
	struct task_sums *sums = sums_of(task);
	__u64 ran;

	if (!sums)
		return;
	if (sums->since) {
		ran = now - sums->since;
		sums->on_cpu += ran;
		cpu->stints[slot_of(ran, SLOTS)]++;
	}
	sums->since = now;
	sums->switches++;
	sums->preempted += preempted;
}

static __always_inline void arrive(struct task_struct *task, struct cpu_sums *cpu, __u64 now)
{
	struct task_sums *sums = sums_of(task);
	__u64 queued = task->sched_info.last_queued, waited = 0;

	if (!sums)
		return;
	if (queued) {
		waited = now > queued ? now - queued : 0;
		sums->waited += waited;
		cpu->waits[slot_of(waited, SLOTS)]++;
	}
	if (sums->since && now - sums->since > waited)
		sums->off_cpu += now - sums->since - waited;
	sums->since = now;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempted, struct task_struct *prev, struct task_struct *next)
{
	struct cpu_sums *cpu = this_cpu();
	struct rq *queue = next->se.cfs_rq->rq;
	__u64 now;

	if (!cpu || !queue)
		return 0;
	now = queue->clock;
	if (prev->pid)
		leave(prev, cpu, now, preempted);
	if (next->pid)
		arrive(next, cpu, now);
	else
		cpu->idle++;
	return 0;
}

SEC("tp_btf/irq_handler_entry")
int on_irq(void *ctx)
{
	struct cpu_sums *cpu = this_cpu();

	if (cpu)
		cpu->irq_began = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/irq_handler_exit")
int after_irq(void *ctx)
{
	struct cpu_sums *cpu = this_cpu();

	if (!cpu || !cpu->irq_began)
		return 0;
	cpu->irqs++;
	cpu->irq_time += bpf_ktime_get_ns() - cpu->irq_began;
	return 0;
}

SEC("tp_btf/softirq_entry")
int on_softirq(void *ctx)
{
	struct cpu_sums *cpu = this_cpu();

	if (cpu)
		cpu->softirq_began = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(after_softirq, unsigned int type)
{
	struct cpu_sums *cpu = this_cpu();
	__u64 spent;

	if (!cpu || !cpu->softirq_began)
		return 0;
	spent = bpf_ktime_get_ns() - cpu->softirq_began;
	cpu->softirqs[type & (SOFTIRQS - 1)] += spent;
	cpu->softirq_slots[slot_of(spent, SLOTS)]++;
	return 0;
}

SEC("tp_btf/page_fault_user")
int on_fault(void *ctx)
{
	struct task_sums *sums = sums_of(bpf_get_current_task_btf());

	if (sums)
		sums->faults++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
