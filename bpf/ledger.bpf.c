// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger: each nanosecond of every watched thread is charged to one state, and waiting
 * for a CPU to whoever had it. One program for each hook; threads that are not watched
 * leave early.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "ledger_blame.h"

/* The barrier makes the compiler compare the very register that indexes: older verifiers ask. */
static __always_inline void charge(struct ledger_thread *thread, __u64 state, __u64 nanoseconds)
{
	asm volatile("" : "+r"(state));
	if (state < LEDGER_STATES)
		thread->nanoseconds[state] += nanoseconds;
}

/* The loader leaves this out where there is one node only. */
static __always_inline void charge_node(struct ledger_thread *thread, struct task_struct *task,
					__u64 nanoseconds)
{
	__u32 number = thread->cpu;
	struct ledger_nodes *nodes;
	struct ledger_place *place;

	if (!has_nodes())
		return;
	place = bpf_map_lookup_elem(&places, &number);
	nodes = bpf_task_storage_get(&node_times, task, 0, 0);
	if (place && nodes && place->node < LEDGER_NODES)
		nodes->nanoseconds[place->node & (LEDGER_NODES - 1)] += nanoseconds;
}

/* Clocks of two CPUs may differ by microseconds: no thread's time runs backwards. */
static __always_inline void advance(struct ledger_thread *thread, __u64 now)
{
	if ((__s64)(now - thread->since) > 0)
		thread->since = now;
}

/* Charges the time since `since` on this CPU: interrupts apart, the rest to what it does. */
static __always_inline void charge_on_cpu(struct ledger_thread *thread, struct task_struct *task,
					  struct ledger_cpu *cpu, __u64 now)
{
	__u64 elapsed = now - thread->since;
	__u64 irq = cpu->irq - thread->irq_seen;
	__u64 softirq = cpu->softirq - thread->softirq_seen;
	__u32 state = LEDGER_RUNNING;

	if ((__s64)elapsed < 0)
		elapsed = 0;
	if (irq > elapsed)
		irq = elapsed;
	if (softirq > elapsed - irq)
		softirq = elapsed - irq;
	if (thread->context & LEDGER_IN_COMPACTION)
		state = LEDGER_COMPACTION;
	else if (thread->context & LEDGER_IN_RECLAIM)
		state = LEDGER_RECLAIM;
	charge_node(thread, task, elapsed);
	thread->nanoseconds[LEDGER_IRQ] += irq;
	thread->nanoseconds[LEDGER_SOFTIRQ] += softirq;
	charge(thread, state, elapsed - irq - softirq);
	advance(thread, now);
	thread->irq_seen = cpu->irq;
	thread->softirq_seen = cpu->softirq;
}

/* What a thread that leaves the CPU does from now on; says more in thread->off. */
static __always_inline __u32 off_state(struct ledger_thread *thread, struct task_struct *task,
				       bool preempted, __u32 task_state)
{
	long number;

	thread->off = 0;
	if (preempted || task_state == TASK_RUNNING) {
		if (is_throttled(task))
			thread->off = LEDGER_OFF_THROTTLED;
		else if (!preempted && call_of(system_call_of(task)) == LEDGER_CALL_YIELD)
			thread->off = LEDGER_OFF_YIELD;
		return LEDGER_WAITING;
	}
	if (!(task_state & (TASK_UNINTERRUPTIBLE | TASK_RTLOCK_WAIT)) || (task_state & TASK_NOLOAD))
		return LEDGER_SLEEPING;
	if (thread->context & LEDGER_IN_COMPACTION)
		return LEDGER_COMPACTION;
	if (thread->context & LEDGER_IN_RECLAIM)
		return LEDGER_RECLAIM;

	number = system_call_of(task);
	if (BPF_CORE_READ_BITFIELD(task, in_iowait)) {
		if (number < 0)
			return LEDGER_FAULT;
		if (call_of(number) == LEDGER_CALL_WRITE)
			thread->off = LEDGER_OFF_WRITE;
		return LEDGER_IO;
	}
	if ((number < 0 || call_of(number) == LEDGER_CALL_MEMORY) && mmap_lock_is_wanted(task))
		thread->off = LEDGER_OFF_MMAP_LOCK;
	return LEDGER_BLOCKED;
}

static __always_inline void leave(struct ledger_thread *thread, struct task_struct *task,
				  struct ledger_cpu *cpu, __u64 now, bool preempted,
				  __u32 task_state)
{
	begin_change(thread);
	charge_on_cpu(thread, task, cpu, now);
	thread->state = off_state(thread, task, preempted, task_state);
	if (thread->off & LEDGER_OFF_YIELD)
		thread->yields++;
	thread->run_delay_seen = has_sched_info(task) ? task->sched_info.run_delay : 0;
	thread->throttle_seen = throttled_clock(task);
	end_change(thread);
}

/*
 * How much of `off` ns off the CPU the task was runnable. `latest` is the part on the run
 * queue that it leaves now; the rest was spent on others before it was moved.
 */
static __always_inline __u64 runnable_part(struct ledger_thread *thread, struct task_struct *task,
					   __u64 now, __u64 off, __u64 *latest)
{
	__u64 waited = 0;

	*latest = off;
	if (has_sched_info(task)) {
		__u64 queued = task->sched_info.last_queued;

		*latest = queued && now > queued ? now - queued : 0;
		if (*latest > off)
			*latest = off;
		waited = task->sched_info.run_delay - thread->run_delay_seen + *latest;
	} else if (thread->run_delay_seen) {
		waited = now - thread->run_delay_seen;
	}
	if (thread->state == LEDGER_WAITING || waited > off)
		return off;
	return waited;
}

/* The part of a wait that a quota caused. */
static __always_inline __u64 throttled_part(struct ledger_thread *thread, struct task_struct *task,
					    bool moved, __u64 waited)
{
	__u64 throttled;

	if (!moved) {
		throttled = throttled_clock(task) - thread->throttle_seen;
		if (throttled)
			return throttled < waited ? throttled : waited;
	}
	return thread->off & LEDGER_OFF_THROTTLED ? waited : 0;
}

static __always_inline void count_migration(struct ledger_thread *thread, __u32 to)
{
	__u32 from = thread->cpu;
	struct ledger_place *old = bpf_map_lookup_elem(&places, &from);
	struct ledger_place *new = bpf_map_lookup_elem(&places, &to);

	thread->migrations++;
	if (!old || !new)
		return;
	if (old->cache != new->cache)
		thread->cache_migrations++;
	if (old->node != new->node)
		thread->node_migrations++;
}

/* In units of 2^-30 s, so that slots end at powers of two of seconds. */
static __always_inline void count_wait(struct ledger_thread *thread, struct ledger_cpu *cpu,
				       __u64 waited)
{
	__u32 slot = slot_of((waited * 1100 >> 10) - 1, LEDGER_WAIT_SLOTS);

	slot += thread->role * LEDGER_WAIT_SLOTS;
	/* Keeps the compiler from bounding the two parts apart: older verifiers lose one of them. */
	asm volatile("" : "+r"(slot));
	cpu->waits[slot & (LEDGER_ROLES * LEDGER_WAIT_SLOTS - 1)]++;
}

static __always_inline void charge_off_cpu(struct ledger_thread *thread, struct task_struct *task,
					   struct ledger_cpu *cpu, __u32 number, __u64 now)
{
	bool moved = thread->cpu != number;
	__u64 off = now - thread->since, latest, waited, throttled, asleep;

	if ((__s64)off < 0)
		off = 0;
	waited = runnable_part(thread, task, now, off, &latest);
	asleep = off - waited;
	if (waited) {
		throttled = throttled_part(thread, task, moved, waited);
		waited -= throttled;
		thread->nanoseconds[LEDGER_THROTTLED] += throttled;
		thread->nanoseconds[LEDGER_WAITING] += waited;
	}
	charge(thread, thread->state == LEDGER_RUNNING ? LEDGER_SLEEPING : thread->state, asleep);
	if (thread->off & LEDGER_OFF_MMAP_LOCK)
		thread->mmap_lock += asleep;
	if (thread->off & LEDGER_OFF_WRITE)
		thread->writing += asleep;
	if (!waited)
		return;
	count_wait(thread, cpu, waited);
	if (thread->off & LEDGER_OFF_YIELD) {
		blame(thread, task->pid, WHO(LEDGER_YIELD, 0), waited);
		return;
	}
	if (latest > waited)
		latest = waited;
	if (moved && latest < waited)
		blame_stints(thread, cpu_of(thread->cpu), task->pid, now - waited, now - latest);
	else
		latest = waited;
	if (latest)
		blame_last(thread, cpu, task, now - latest, now);
}

static __always_inline void arrive(struct ledger_thread *thread, struct task_struct *task,
				   struct ledger_cpu *cpu, __u32 number, __u64 now)
{
	begin_change(thread);
	charge_off_cpu(thread, task, cpu, number, now);
	if (thread->cpu != number)
		count_migration(thread, number);
	if (!has_sched_info(task))
		thread->run_delay_seen = 0;
	thread->cpu = number;
	thread->state = LEDGER_RUNNING;
	thread->off = 0;
	advance(thread, now);
	thread->irq_seen = cpu->irq;
	thread->softirq_seen = cpu->softirq;
	end_change(thread);
}

static __always_inline __u32 class_of(struct ledger_cpu *cpu)
{
	__u32 kind = cpu->who >> 32;

	if (cpu->watched)
		return LEDGER_CLASS_WATCHED;
	if (kind == LEDGER_IDLE)
		return LEDGER_CLASS_IDLE;
	return kind == LEDGER_USER ? LEDGER_CLASS_OTHER : LEDGER_CLASS_KERNEL;
}

/* Closes the stint of whoever ran on this CPU; of the first one nothing is known. */
static __always_inline void close_stint(struct ledger_cpu *cpu, __u64 now)
{
	__u64 interrupted = cpu->irq + cpu->softirq;
	__u64 elapsed = now - cpu->since, stolen = interrupted - cpu->interrupted;

	if (cpu->since) {
		if (elapsed >= stolen)
			cpu->classes[class_of(cpu) & (LEDGER_CLASSES - 1)] += elapsed - stolen;
		remember(cpu, elapsed, now);
	} else {
		cpu->bulk_began = now;
		cpu->clock_ahead = cpu->clock_ahead_next = now - bpf_ktime_get_ns();
		cpu->calibrated = now;
	}
	cpu->since = now;
	cpu->interrupted = interrupted;
	/* A real-time kernel may switch inside a softirq: its time cannot be told then. */
	cpu->softirq_began = 0;
}

/*
 * A kernel may keep switches to itself, as where it hides the agent of a sandbox. Who came after
 * such a one is met when he leaves; the kernel's own stamp says when he came.
 */
static __noinline void catch_up(struct ledger_cpu *cpu, struct task_struct *prev, __u32 number,
				__u64 now)
{
	struct ledger_thread *thread;
	__u64 came = cpu->since;

	if (prev->pid && bpf_core_field_exists(prev->sched_info.last_arrival))
		came = prev->sched_info.last_arrival;
	if ((__s64)(came - cpu->since) < 0 || (__s64)(now - came) < 0)
		came = cpu->since;
	close_stint(cpu, came);
	cpu->who = who_is(prev);
	thread = cpu->who >> 32 == LEDGER_USER ? ledger_of(prev) : 0;
	cpu->watched = thread != 0;
	if (thread && thread->state != LEDGER_RUNNING)
		arrive(thread, prev, cpu, number, came);
}

static __always_inline void bury(struct ledger_thread *thread, struct task_struct *task,
				 struct ledger_cpu *cpu)
{
	struct ledger_record *record = bpf_ringbuf_reserve(&deaths, sizeof(*record), 0);

	if (thread->blamed)
		settle_blame(thread, task->pid);
	if (!record) {
		cpu->lost_deaths++;
		return;
	}
	record->thread = *thread;
	record->irq_now = cpu->irq;
	record->softirq_now = cpu->softirq;
	record->queued = 0;
	record->going = 0;
	fill_record(record, task);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	thread->off |= LEDGER_OFF_BURIED;
}

SEC("tp_btf/sched_switch")
int on_switch(__u64 *ctx)
{
	bool preempted = ctx[0];
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	__u32 number = bpf_get_smp_processor_id(), state;
	struct ledger_cpu *cpu = cpu_of(number);
	struct ledger_thread *thread;
	__u64 now;

	if (!cpu)
		return 0;
	if (config.switch_has_state)
		state = ctx[3];
	else
		state = state_of(prev);
	now = clock_at_switch(cpu, next, state);
	if (cpu->running != prev->pid && cpu->since)
		catch_up(cpu, prev, number, now);
	cpu->running = next->pid;
	close_stint(cpu, now);
	if (cpu->watched && (thread = ledger_of(prev))) {
		leave(thread, prev, cpu, now, preempted, state);
		if (state & TASK_DEAD)
			bury(thread, prev, cpu);
	}
	cpu->who = who_is(next);
	thread = cpu->who >> 32 == LEDGER_USER ? ledger_of(next) : 0;
	cpu->watched = thread != 0;
	if (thread)
		arrive(thread, next, cpu, number, now);
	return 0;
}

/* Only where the kernel does not keep run_delay itself. */
static __always_inline int woken(struct task_struct *task)
{
	struct ledger_thread *thread = ledger_of(task);
	struct ledger_cpu *cpu = this_cpu();

	if (thread && cpu && thread->state != LEDGER_RUNNING)
		thread->run_delay_seen = clock_now(cpu);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	return woken(task);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	return woken(task);
}

/* From here on the running thread's time goes to another state. */
static __always_inline int change_context(__u8 set, __u8 clear)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ledger_thread *thread = ledger_of(task);
	struct ledger_cpu *cpu = this_cpu();

	if (!thread || !cpu)
		return 0;
	begin_change(thread);
	charge_on_cpu(thread, task, cpu, clock_now(cpu));
	thread->context = (thread->context | set) & ~clear;
	end_change(thread);
	return 0;
}

#define CONTEXT_PROGRAMS(hook, bit)            \
	SEC("tp_btf/" #hook "_begin")          \
	int hook##_began(void *ctx)            \
	{                                      \
		return change_context(bit, 0); \
	}                                      \
	SEC("tp_btf/" #hook "_end")            \
	int hook##_ended(void *ctx)            \
	{                                      \
		return change_context(0, bit); \
	}

CONTEXT_PROGRAMS(mm_vmscan_direct_reclaim, LEDGER_IN_RECLAIM)
CONTEXT_PROGRAMS(mm_vmscan_memcg_reclaim, LEDGER_IN_RECLAIM)
CONTEXT_PROGRAMS(mm_vmscan_node_reclaim, LEDGER_IN_RECLAIM)
CONTEXT_PROGRAMS(mm_compaction, LEDGER_IN_COMPACTION)

/* The rest of the object: interrupts, and who is watched. */
#include "ledger_irq.h"
#include "ledger_watch.h"

char LICENSE[] SEC("license") = "GPL";
