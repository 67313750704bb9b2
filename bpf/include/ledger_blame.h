/* SPDX-License-Identifier: GPL-2.0 */
/* Who ran while a watched thread waited: each CPU remembers its last stints. */
#pragma once
#include "ledger_maps.h"

/* How far one wait looks back; the rest of a longer one has no known culprit. */
enum { LOOK_BACK = 8, LOOK_BACK_BULKS = LEDGER_BULKS - 2 };

/*
 * Not static, and so verified once by itself and not again on every path that calls it: the
 * whole probe would otherwise take the verifier a second.
 */
__noinline int settle_blame(struct ledger_thread *thread, __u32 tid)
{
	struct ledger_wait_key key = { .tid = tid };
	__u64 *sum, blamed;

	if (!thread)
		return 0;
	/* On the stack: kernel 6.1 takes a map's new value from nowhere else in such a function. */
	blamed = thread->blamed;
	key.culprit = thread->culprit;
	key.kind = thread->culprit_kind;
	sum = bpf_map_lookup_elem(&waits, &key);
	if (sum) {
		__sync_fetch_and_add(sum, blamed);
	} else if (bpf_map_update_elem(&waits, &key, &blamed, BPF_NOEXIST)) {
		struct ledger_cpu *cpu = this_cpu();

		if (cpu)
			cpu->lost_blame += blamed;
	}
	thread->blamed = 0;
	return 0;
}

static __always_inline bool is_blamed(struct ledger_thread *thread, __u64 who)
{
	return thread->culprit == (__u32)who && thread->culprit_kind == who >> 32;
}

/* Consecutive waits behind one culprit are summed in the thread; the map sees only changes. */
static __always_inline void blame(struct ledger_thread *thread, __u32 tid, __u64 who,
				  __u64 nanoseconds)
{
	if (!is_blamed(thread, who)) {
		if (thread->blamed)
			settle_blame(thread, tid);
		thread->culprit = who;
		thread->culprit_kind = who >> 32;
	}
	thread->blamed += nanoseconds;
}

/*
 * Walks back from `*to` to `from` through `count` entries of a ring, newest first; `*to` ends
 * at the beginning of the oldest one that was used.
 */
static __always_inline void walk_back(struct ledger_thread *thread, __u32 tid,
				      const struct ledger_stint *ring, __u32 mask, __u32 head,
				      int count, __u64 from, __u64 *to)
{
	int i;

	for (i = 1; i <= count && *to > from; i++) {
		const struct ledger_stint *stint = &ring[(head - i) & mask];
		__u64 began = ring[(head - i - 1) & mask].end;

		if (began >= *to)
			continue;
		if (began < from)
			began = from;
		blame(thread, tid, stint->who, *to - began);
		*to = began;
	}
}

/* Charges the thread's wait from `from` to `to` to whoever ran on `cpu` meanwhile. */
__noinline int blame_stints(struct ledger_thread *thread, struct ledger_cpu *cpu, __u32 tid,
			    __u64 from, __u64 to)
{
	if (!thread || !cpu)
		return 0;
	/* On another CPU than this one somebody may be in the middle of a stint. */
	if (cpu->since > from && cpu->since < to) {
		blame(thread, tid, cpu->who, to - cpu->since);
		to = cpu->since;
	}
	walk_back(thread, tid, cpu->stints, LEDGER_STINTS - 1, cpu->head, LOOK_BACK, from, &to);
	if (to <= from)
		return 0;
	if (cpu->bulk_weight && cpu->bulk_began < to) {
		__u64 began = cpu->bulk_began > from ? cpu->bulk_began : from;

		blame(thread, tid, cpu->bulk_who, to - began);
		to = began;
	}
	walk_back(thread, tid, cpu->bulks, LEDGER_BULKS - 1, cpu->bulk_head, LOOK_BACK_BULKS, from,
		  &to);
	if (to > from)
		blame(thread, tid, WHO(LEDGER_UNKNOWN, 0), to - from);
	return 0;
}

/* The same on this CPU, short where who ran last had it all the while, as mostly. */
static __always_inline void blame_last(struct ledger_thread *thread, struct ledger_cpu *cpu,
				       struct task_struct *task, __u64 from, __u64 to)
{
	__u32 last = (cpu->head - 1) & (LEDGER_STINTS - 1);
	__u32 before = (cpu->head - 2) & (LEDGER_STINTS - 1);

	if (cpu->stints[before].end > from)
		blame_stints(thread, cpu, task->pid, from, to);
	else if (is_blamed(thread, cpu->stints[last].who))
		thread->blamed += to - from;
	else
		blame(thread, task->pid, cpu->stints[last].who, to - from);
}

/* Remembers who ran since the last switch: by itself for a while, then in its millisecond's bulk. */
static __always_inline void remember(struct ledger_cpu *cpu, __u64 elapsed, __u64 now)
{
	struct ledger_stint *stint = &cpu->stints[cpu->head++ & (LEDGER_STINTS - 1)];
	__u64 who = cpu->who;

	stint->end = now;
	stint->who = who;

	/* A majority vote: who had more than half of the time is found, whatever the order. */
	if (cpu->bulk_who == who) {
		cpu->bulk_weight += elapsed;
	} else if (cpu->bulk_weight >= elapsed) {
		cpu->bulk_weight -= elapsed;
	} else {
		cpu->bulk_weight = elapsed - cpu->bulk_weight;
		cpu->bulk_who = who;
	}
	if (now - cpu->bulk_began < LEDGER_BULK_NS)
		return;
	stint = &cpu->bulks[cpu->bulk_head++ & (LEDGER_BULKS - 1)];
	stint->end = now;
	stint->who = cpu->bulk_who;
	cpu->bulk_began = now;
	cpu->bulk_weight = 0;
	calibrate(cpu, now);
}
