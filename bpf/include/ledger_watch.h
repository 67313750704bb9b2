/* SPDX-License-Identifier: GPL-2.0 */
/* Which threads are watched, and how user space reads their ledgers. */
#pragma once
#include "ledger_maps.h"

static __always_inline __u32 cpu_number_of(struct task_struct *task)
{
	struct rq *queue = run_queue_of(task);

	return queue ? queue->cpu : 0;
}

/* What a thread that is off the CPU is taken to do when its ledger opens. */
static __always_inline __u32 first_state(struct task_struct *task)
{
	__u32 state = state_of(task);

	if (task->on_cpu)
		return LEDGER_RUNNING;
	if (state == TASK_RUNNING)
		return LEDGER_WAITING;
	if (!(state & TASK_UNINTERRUPTIBLE) || (state & TASK_NOLOAD))
		return LEDGER_SLEEPING;
	return BPF_CORE_READ_BITFIELD(task, in_iowait) ? LEDGER_IO : LEDGER_BLOCKED;
}

static __always_inline void open_ledger(struct task_struct *task, __u32 state)
{
	struct ledger_thread fresh = {}, *thread = ledger_of(task);
	struct ledger_cpu *here = this_cpu(), *cpu;

	if (thread || !here)
		return;
	thread = bpf_task_storage_get(&threads, task, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		__sync_fetch_and_add(&here->lost_threads, 1);
		return;
	}
	if (has_nodes())
		bpf_task_storage_get(&node_times, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	thread->state = state;
	thread->cpu = cpu_number_of(task);
	if (has_sched_info(task))
		thread->run_delay_seen = task->sched_info.run_delay;
	thread->throttle_seen = throttled_clock(task);
	cpu = cpu_of(thread->cpu);
	if (cpu) {
		thread->irq_seen = cpu->irq;
		thread->softirq_seen = cpu->softirq;
		if (state == LEDGER_RUNNING)
			cpu->watched = 1;
	}
	thread->since = clock_now(here);
}

/* Stoker itself, and its worker: what it starts from another thread than the main one. */
static __always_inline bool is_ours(struct task_struct *task)
{
	static const char worker[] = LEDGER_WORKER;
	char name[16] = {};
	int i;

	if (task->tgid == config.self)
		return 1;
	bpf_probe_read_kernel(name, sizeof(name), task->comm);
	for (i = 0; i < (int)sizeof(worker); i++)
		if (name[i] != worker[i])
			return 0;
	return 1;
}

/* Opens the ledger of every thread of the watched processes that has none yet. */
SEC("iter/task")
int open_ledgers(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 pid;

	if (!task || task->flags & PF_KTHREAD)
		return 0;
	pid = task->tgid;
	if (is_ours(task))
		return 0;
	if (config.watch_all || bpf_map_lookup_elem(&watched, &pid))
		open_ledger(task, first_state(task));
	return 0;
}

/* Gives every watched thread the role that user space has found, and takes old ones away. */
SEC("iter/task")
int assign_roles(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ledger_thread *thread;
	__u32 tid, *role;

	if (!task || !(thread = ledger_of(task)))
		return 0;
	tid = task->pid;
	role = bpf_map_lookup_elem(&roles, &tid);
	thread->role = role ? *role : 0;
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->flags & PF_KTHREAD || is_ours(child))
		return 0;
	if (parent->tgid == config.self && parent->pid != config.self)
		return 0;
	if (config.watch_all || parent->pid == config.spawner || ledger_of(parent))
		open_ledger(child, LEDGER_SLEEPING);
	return 0;
}

/* Names outlive their processes a little, so that a short-lived culprit can be named. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct obituary obituary = {};
	__u32 pid = task->pid;

	if (task->pid != task->tgid)
		return 0;
	bpf_probe_read_kernel(obituary.name, sizeof(obituary.name), task->comm);
	bpf_map_update_elem(&obituaries, &pid, &obituary, BPF_ANY);
	return 0;
}

static __always_inline void copy_ledger(struct ledger_record *record, struct ledger_thread *thread)
{
	volatile __u32 *sequence = &thread->sequence;
	int i;

	for (i = 0; i < 4; i++) {
		__u32 before = *sequence;

		record->thread = *thread;
		if (!(before & 1) && *sequence == before)
			return;
	}
}

/* One record for each watched thread. */
SEC("iter/task")
int read_ledgers(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ledger_record record = {};
	struct ledger_cpu *here = this_cpu(), *cpu;
	struct ledger_thread *thread;
	__u64 now;

	if (!task || !here)
		return 0;
	thread = ledger_of(task);
	/* The dead stay listed until they are reaped. */
	if (!thread || thread->off & LEDGER_OFF_BURIED)
		return 0;
	copy_ledger(&record, thread);
	fill_record(&record, task);
	now = clock_now(here);
	if (now > record.thread.since)
		record.going = now - record.thread.since;
	cpu = cpu_of(record.thread.cpu);
	if (cpu) {
		record.irq_now = cpu->irq;
		record.softirq_now = cpu->softirq;
	}
	if (has_sched_info(task) && task->sched_info.last_queued &&
	    now > task->sched_info.last_queued)
		record.queued = now - task->sched_info.last_queued;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
