/*
 * What the ledger probe keeps for each watched thread and each CPU. The probe includes
 * this file and Swift imports it, so a change here changes both sides.
 */
#pragma once
#ifndef KERNEL_SLICE
#include <linux/types.h>
#endif

/* In the order of Swift's ThreadState. */
enum ledger_state {
	LEDGER_RUNNING,
	LEDGER_IRQ,
	LEDGER_SOFTIRQ,
	LEDGER_WAITING,
	LEDGER_THROTTLED,
	LEDGER_RECLAIM,
	LEDGER_COMPACTION,
	LEDGER_FAULT,
	LEDGER_IO,
	LEDGER_BLOCKED,
	LEDGER_SLEEPING,
	LEDGER_STATES,
};

/* Who had the CPU. User threads go by process, kernel threads by thread. */
enum ledger_kind {
	LEDGER_USER,
	LEDGER_KTHREAD,
	LEDGER_IDLE,
	LEDGER_YIELD,
	LEDGER_UNKNOWN,
};

/* What a CPU's time went to, apart from interrupts. */
enum ledger_class {
	LEDGER_CLASS_WATCHED,
	LEDGER_CLASS_OTHER,
	LEDGER_CLASS_KERNEL,
	LEDGER_CLASS_IDLE,
	LEDGER_CLASSES,
};

/* Interrupts that have no number in /proc/interrupts. */
enum ledger_vector {
	LEDGER_VECTOR_TIMER,
	LEDGER_VECTOR_RESCHEDULE,
	LEDGER_VECTOR_CALL,
	LEDGER_VECTOR_CALL_SINGLE,
	LEDGER_VECTOR_WORK,
	LEDGER_VECTORS,
};

/* What the ledger wants to know of a system call. */
enum ledger_call {
	LEDGER_CALL_OTHER,
	LEDGER_CALL_YIELD,
	LEDGER_CALL_MEMORY,
	LEDGER_CALL_WRITE,
};

enum {
	LEDGER_SOFTIRQS = 10,
	LEDGER_SOFTIRQ_SLOTS = 16, /* a power of two, so that a mask bounds the index */
	LEDGER_WAIT_SLOTS = 32,
	LEDGER_ROLES = 8, /* a power of two; 0: none of those that user space told */
	LEDGER_STINTS = 16,
	LEDGER_BULKS = 32,
	LEDGER_BULK_NS = 1000000, /* stints are summed up to this length */
	LEDGER_CALLS = 512,
	LEDGER_NODES = 8, /* with CPUs; of more the rest is not told apart */
	LEDGER_NAME = 16,

	/* ledger_thread.context */
	LEDGER_IN_RECLAIM = 1,
	LEDGER_IN_COMPACTION = 2,
	/* ledger_thread.off */
	LEDGER_OFF_YIELD = 1,
	LEDGER_OFF_MMAP_LOCK = 2,
	LEDGER_OFF_WRITE = 4,
	LEDGER_OFF_THROTTLED = 8,
	LEDGER_OFF_BURIED = 16, /* its last record was sent */
};

/* One watched thread: 184 bytes, so that the kernel's allocation for it is 256. */
struct ledger_thread {
	__u64 nanoseconds[LEDGER_STATES];
	__u64 mmap_lock; /* ns, part of BLOCKED */
	__u64 writing;	 /* ns, part of IO */
	__u64 since;	 /* run-queue clock; everything before it is charged */
	__u64 irq_seen;	 /* its CPU's totals at `since` */
	__u64 softirq_seen;
	__u64 run_delay_seen; /* sched_info.run_delay, or the time it was woken */
	__u64 throttle_seen;  /* its run queue's throttled clock */
	__u64 blamed;	      /* ns waited behind `culprit`, not in the waits map yet */
	__u32 culprit;
	__u32 migrations;
	__u32 cache_migrations;
	__u32 node_migrations;
	__u32 yields;
	__u32 sequence; /* odd while it is being changed */
	__u16 cpu;
	__u8 state;
	__u8 culprit_kind;
	__u8 context;
	__u8 off;
	__u8 role; /* as user space has told, below LEDGER_ROLES */
	__u8 reserved;
};
_Static_assert(sizeof(struct ledger_thread) == 184, "no padding");

/* Time on a CPU by memory node, kept only where there are several. */
struct ledger_nodes {
	__u64 nanoseconds[LEDGER_NODES];
};

/* A thread as the iterator, or its death, tells it. */
struct ledger_record {
	struct ledger_thread thread;
	struct ledger_nodes nodes;
	__u64 now;     /* CLOCK_MONOTONIC */
	__u64 going;   /* ns since thread.since */
	__u64 irq_now; /* its CPU's totals */
	__u64 softirq_now;
	__u64 queued;  /* ns on a run queue so far, when it is runnable and off the CPU */
	__u64 started; /* ns since boot */
	__u64 system;  /* ns */
	__u64 minor_faults;
	__u64 major_faults;
	__u64 voluntary;
	__u64 involuntary;
	__u32 tid;
	__u32 pid;
	__u32 parent; /* process that started this one */
	__u32 node;   /* of its CPU, as in ledger_place */
	__u8 name[LEDGER_NAME];
};
_Static_assert(sizeof(struct ledger_record) == 184 + 64 + 11 * 8 + 16 + 16, "no padding");

/* Who ran on a CPU until `end`; it began where the one before ended. */
struct ledger_stint {
	__u64 end;
	__u64 who; /* enum ledger_kind in the upper half, id in the lower */
};

struct ledger_cpu {
	/* What every switch touches stands in the first two cache lines. */
	__u64 since;	   /* run-queue clock of the last switch */
	__u64 irq;	   /* ns */
	__u64 softirq;	   /* ns, less hard interrupts in it */
	__u64 interrupted; /* irq + softirq at `since` */
	__u64 who;	   /* runs now */
	__u32 watched;
	__u32 head; /* where the next stint goes */
	__u64 bulk_began;
	__u64 bulk_weight; /* ns that `bulk_who` is ahead of all others */
	__u64 bulk_who;
	__u32 bulk_head;	       /* where the next bulk goes */
	__u32 running;		       /* tid that the last switch went to */
	__u64 classes[LEDGER_CLASSES]; /* ns, less interrupts */
	__u64 irq_began;
	__u64 softirq_began;
	__u64 irq_at_softirq;
	__u64 clock_ahead;	/* ns, run-queue clock less CLOCK_MONOTONIC; wraps when behind */
	__u64 clock_ahead_next; /* the same, since `calibrated` */
	__u64 calibrated;	/* run-queue clock when that began to be measured */

	struct ledger_stint stints[LEDGER_STINTS]; /* the last ones */
	struct ledger_stint bulks[LEDGER_BULKS];   /* longer ago: who ran most of each ms */
	__u64 softirqs[LEDGER_SOFTIRQ_SLOTS];
	__u64 softirqs_watched[LEDGER_SOFTIRQ_SLOTS];
	__u64 vectors[LEDGER_VECTORS];
	__u64 vectors_watched[LEDGER_VECTORS];
	/* by role; slot n: (2^n, 2^(n+1)] * 2^-30 s */
	__u64 waits[LEDGER_ROLES * LEDGER_WAIT_SLOTS];
	__u64 lost_threads; /* could not be given a ledger */
	__u64 lost_deaths;  /* ring buffer full */
	__u64 lost_blame;   /* ns of waiting whose culprit found no room */
	__u64 lost_irqs;    /* interrupts of a line that found no room */
};
_Static_assert(sizeof(struct ledger_cpu) == (10 + 4 + 6 + 96 + 32 + 10 + 256 + 4) * 8,
	       "no padding");

struct ledger_wait_key {
	__u32 tid;
	__u32 culprit;
	__u32 kind;
};

struct ledger_irq {
	__u64 count;
	__u64 nanoseconds;
	__u64 watched;
};

/* Where a CPU is: what makes a migration dear. */
struct ledger_place {
	__u32 cache;
	__u32 node; /* index among the nodes that have CPUs */
};

/* What the process that asks the drivers of GPUs is called. */
#define LEDGER_WORKER "stoker-gpu"

/* Set before the probe is loaded. */
struct ledger_config {
	__u32 watch_all;	  /* every user thread */
	__u32 self;		  /* process that is never watched */
	__u32 spawner;		  /* thread whose children are watched */
	__u32 switch_has_state;	  /* sched_switch brings prev_state (5.18) */
	__u32 nodes;		  /* memory nodes with CPUs */
	__u8 calls[LEDGER_CALLS]; /* enum ledger_call by system call number */
};

/* The power of two at or below `value`, at most `slots` - 1. */
static inline unsigned int slot_of(unsigned long long value, unsigned int slots)
{
	unsigned int slot = 0;

	if (value >> 32) {
		slot += 32;
		value >>= 32;
	}
	if (value >> 16) {
		slot += 16;
		value >>= 16;
	}
	if (value >> 8) {
		slot += 8;
		value >>= 8;
	}
	if (value >> 4) {
		slot += 4;
		value >>= 4;
	}
	if (value >> 2) {
		slot += 2;
		value >>= 2;
	}
	slot += (unsigned int)(value >> 1) & 1;
	return slot < slots ? slot : slots - 1;
}
