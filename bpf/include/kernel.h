/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of the kernel that the probes read, in place of a generated vmlinux.h.
 * CO-RE moves each field to where the running kernel has it, so names and types
 * matter here and offsets do not. Keep each struct to the fields a probe uses: this
 * file doubles as the list of what we depend on. A field that was renamed gets a
 * second flavour (struct X___old) next to the first.
 */
#pragma once
#define KERNEL_SLICE

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,

	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
	BPF_RB_NO_WAKEUP = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

/* include/linux/sched.h */
enum {
	TASK_RUNNING = 0x0,
	TASK_UNINTERRUPTIBLE = 0x2,
	TASK_DEAD = 0x80,
	TASK_NOLOAD = 0x400,
	TASK_RTLOCK_WAIT = 0x1000,

	PF_KTHREAD = 0x00200000,
};

/* Only asked whether the running kernel has them. */
enum bpf_func_id { BPF_FUNC_task_pt_regs = 175 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct rw_semaphore {
	struct list_head wait_list;
};

struct mm_struct {
	struct rw_semaphore mmap_lock;
};

struct rq {
	__u64 clock;
	int cpu;
};

struct cfs_rq {
	struct rq *rq;
	int throttle_count;
	__u64 throttled_clock_self_time; /* since 6.6 */
	__u64 throttled_clock_pelt_time; /* before, scaled by CPU speed */
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct sched_info {
	unsigned long long run_delay;
	unsigned long long last_queued;
	unsigned long long last_arrival;
};

struct task_struct {
	int pid;
	int tgid;
	unsigned int flags;
	unsigned int __state;
	int on_cpu;
	unsigned int in_iowait : 1;
	bool throttled; /* since 6.18 */
	struct sched_entity se;
	struct sched_info sched_info;
	struct mm_struct *mm;
	__u64 start_boottime;
	__u64 utime;
	__u64 stime;
	unsigned long min_flt;
	unsigned long maj_flt;
	unsigned long nvcsw;
	unsigned long nivcsw;
	char comm[16];
	struct task_struct *real_parent;
	__u64 node_stamp; /* when its page tables are due for NUMA balancing */
};

/* Before 5.14. */
struct task_struct___old {
	long state;
};

/* x86: a system call's number, negative in an exception or interrupt. */
struct pt_regs {
	unsigned long orig_ax;
};

/* arm64: the same. */
struct pt_regs___arm64 {
	int syscallno;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct kobject {
	const char *name;
};

struct device {
	struct kobject kobj;
	const char *init_name;
};

struct pci_dev {
	struct device dev;
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk; /* since 5.15 */
};

struct request {
	struct request_queue *q;
	__u64 start_time_ns;
};

/* Before 5.15 a request named its disk itself. */
struct request___old {
	struct gendisk *rq_disk;
};

#pragma clang attribute pop
