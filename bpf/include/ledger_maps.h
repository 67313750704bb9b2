/* SPDX-License-Identifier: GPL-2.0 */
/* The maps of the ledger probe, and the few steps that several of its programs share. */
#pragma once
#include "ledger.h"

const volatile struct ledger_config config SEC(".rodata.config");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ledger_thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ledger_nodes);
} node_times SEC(".maps");

/* One for each possible CPU; the loader sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ledger_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ledger_place);
} places SEC(".maps");

/* Waiting by victim and culprit; emptied by every reading. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ledger_wait_key);
	__type(value, __u64);
} waits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct ledger_irq);
} irqs SEC(".maps");

/* Names of processes that ended, for those that somebody waited behind. */
struct obituary {
	char name[LEDGER_NAME];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct obituary);
} obituaries SEC(".maps");

/* The last record of each watched thread that ended. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 21);
} deaths SEC(".maps");

/* Processes whose threads are to be watched; read by the iterator only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 15);
	__type(key, __u32);
	__type(value, __u32);
} watched SEC(".maps");

/* Roles of threads by tid, where they have one; read by the iterator only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 14);
	__type(key, __u32);
	__type(value, __u32);
} roles SEC(".maps");

static __always_inline struct ledger_cpu *cpu_of(__u32 cpu)
{
	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline struct ledger_cpu *this_cpu(void)
{
	return cpu_of(bpf_get_smp_processor_id());
}

static __always_inline struct ledger_thread *ledger_of(struct task_struct *task)
{
	return bpf_task_storage_get(&threads, task, 0, 0);
}

/* Readers on other CPUs copy a ledger only while its sequence is even and stays so. */
static __always_inline void begin_change(struct ledger_thread *thread)
{
	*(volatile __u32 *)&thread->sequence += 1;
}

static __always_inline void end_change(struct ledger_thread *thread)
{
	*(volatile __u32 *)&thread->sequence += 1;
}

static __always_inline bool has_sched_info(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info.run_delay);
}

static __always_inline __u32 state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___old *)task)->state;
}

enum { CALIBRATION_NS = 100000000 };

static __always_inline struct rq *run_queue_of(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->se.cfs_rq))
		return 0;
	return task->se.cfs_rq->rq;
}

/*
 * The clock of everything that is charged: the kernel reads it for every switch anyway, and
 * another reading would be the dearest part of the probe. It runs at the rate of
 * CLOCK_MONOTONIC but for corrections by NTP.
 */
static __always_inline __u64 clock_of(struct task_struct *task)
{
	struct rq *queue = run_queue_of(task);

	return queue ? queue->clock : bpf_ktime_get_ns();
}

/*
 * Between two switches the same clock is told from CLOCK_MONOTONIC. A run queue's clock is late
 * rather than early, so the largest distance of the last while is the true one; NTP may slew it
 * away meanwhile, by 500 ppm at most.
 */
static __always_inline void calibrate(struct ledger_cpu *cpu, __u64 now)
{
	__u64 ahead = now - bpf_ktime_get_ns();

	if ((__s64)(ahead - cpu->clock_ahead_next) > 0)
		cpu->clock_ahead_next = ahead;
	if ((__s64)(ahead - cpu->clock_ahead) > 0)
		cpu->clock_ahead = ahead;
	if (now - cpu->calibrated < CALIBRATION_NS)
		return;
	cpu->clock_ahead = cpu->clock_ahead_next;
	cpu->clock_ahead_next = ahead;
	cpu->calibrated = now;
}

/* The same clock at any time on this CPU; before its first switch, up to a tick behind. */
static __always_inline __u64 clock_now(struct ledger_cpu *cpu)
{
	if (!cpu->since)
		return clock_of(bpf_get_current_task_btf());
	return bpf_ktime_get_ns() + cpu->clock_ahead;
}

/*
 * The same clock at a switch to `next`. A wake-up that preempts lets the kernel skip its reading
 * of the clock, although prev may have gone on in the kernel for a while: `next` then seems not
 * to have waited at all. Of the dead it would be all their short life.
 */
static __always_inline __u64 clock_at_switch(struct ledger_cpu *cpu, struct task_struct *next,
					     __u32 prev_state)
{
	__u64 clock = clock_of(next), now;

	if (!(prev_state & TASK_DEAD) &&
	    (!has_sched_info(next) || next->sched_info.last_queued != clock))
		return clock;
	now = clock_now(cpu);
	return now > clock ? now : clock;
}

/* ns that the task's run queue of fair tasks spent throttled by a quota, while it had tasks. */
static __always_inline __u64 throttled_clock(struct task_struct *task)
{
	struct cfs_rq *queue;

	if (!bpf_core_field_exists(task->se.cfs_rq))
		return 0;
	queue = task->se.cfs_rq;
	if (bpf_core_field_exists(queue->throttled_clock_self_time))
		return queue->throttled_clock_self_time;
	if (bpf_core_field_exists(queue->throttled_clock_pelt_time))
		return queue->throttled_clock_pelt_time;
	return 0;
}

/* A quota keeps the task, or a group that it is in, from running right now. */
static __always_inline bool is_throttled(struct task_struct *task)
{
	if (bpf_core_field_exists(task->throttled))
		return task->throttled;
	if (!bpf_core_field_exists(task->se.cfs_rq) ||
	    !bpf_core_field_exists(task->se.cfs_rq->throttle_count))
		return 0;
	return task->se.cfs_rq->throttle_count > 0;
}

#define WHO(kind, id) ((__u64)(kind) << 32 | (__u32)(id))

/* Kernel threads are told apart one by one, user threads by process. */
static __always_inline __u64 who_is(struct task_struct *task)
{
	if (!task->tgid)
		return WHO(LEDGER_IDLE, 0);
	if (task->flags & PF_KTHREAD)
		return WHO(LEDGER_KTHREAD, task->pid);
	return WHO(LEDGER_USER, task->tgid);
}

static __always_inline __u32 call_of(long number)
{
	return config.calls[number & (LEDGER_CALLS - 1)];
}

/* The system call that the task is in; negative in an exception or on a kernel without help. */
static __always_inline long system_call_of(struct task_struct *task)
{
	struct pt_regs *registers;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return LEDGER_CALLS - 1;
	registers = (struct pt_regs *)bpf_task_pt_regs(task);
	if (!registers)
		return LEDGER_CALLS - 1;
	if (bpf_core_field_exists(registers->orig_ax))
		return (long)registers->orig_ax;
	if (bpf_core_field_exists(((struct pt_regs___arm64 *)registers)->syscallno))
		return ((struct pt_regs___arm64 *)registers)->syscallno;
	return LEDGER_CALLS - 1;
}

/* Somebody waits for the mmap_lock of the task's address space. */
static __always_inline bool mmap_lock_is_wanted(struct task_struct *task)
{
	struct mm_struct *memory = task->mm;
	struct list_head *waiters;

	if (!memory || !bpf_core_field_exists(memory->mmap_lock.wait_list))
		return 0;
	waiters = &memory->mmap_lock.wait_list;
	return waiters->next != waiters;
}

static __always_inline bool has_nodes(void)
{
	return config.nodes > 1;
}

static __always_inline void fill_nodes(struct ledger_record *record, struct task_struct *task)
{
	__u32 number = record->thread.cpu;
	struct ledger_nodes *nodes;
	struct ledger_place *place;

	record->node = 0;
	__builtin_memset(&record->nodes, 0, sizeof(record->nodes));
	if (!has_nodes())
		return;
	place = bpf_map_lookup_elem(&places, &number);
	if (place)
		record->node = place->node;
	nodes = bpf_task_storage_get(&node_times, task, 0, 0);
	if (nodes)
		record->nodes = *nodes;
}

/* What the kernel itself knows of a thread. */
static __always_inline void fill_record(struct ledger_record *record, struct task_struct *task)
{
	record->now = bpf_ktime_get_ns();
	record->started = task->start_boottime;
	record->system = task->stime;
	record->minor_faults = task->min_flt;
	record->major_faults = task->maj_flt;
	record->voluntary = task->nvcsw;
	record->involuntary = task->nivcsw;
	record->tid = task->pid;
	record->pid = task->tgid;
	record->parent = task->real_parent->tgid;
	fill_nodes(record, task);
	bpf_probe_read_kernel(record->name, sizeof(record->name), task->comm);
}
