/* Where memory goes: the kernel's calls, without libnuma, so that a static program can use them. */
#ifndef STOKER_VM_MEMORY_H
#define STOKER_VM_MEMORY_H

#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, HUGE = 2 << 20, MAX_NODES = 64 };

static inline void fail(const char *what)
{
	perror(what);
	exit(3);
}

static inline long long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline void sleep_us(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

/* All memory of this process from now on comes from one node; -1: as the kernel likes. */
static inline void bind_process(int node)
{
	unsigned long mask = node < 0 ? 0 : 1ul << node;

	if (syscall(SYS_set_mempolicy, node < 0 ? MPOL_DEFAULT : MPOL_BIND,
		    node < 0 ? NULL : &mask, MAX_NODES))
		fail("set_mempolicy");
}

static inline void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

/* Memory that is mapped and not touched yet; flags are added to those of private memory. */
static inline char *mapped(size_t bytes, int flags)
{
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	return at;
}

/* Writes at once: a read first would be given the shared huge page of zeroes. */
static inline void touch(volatile char *at, size_t bytes, size_t step)
{
	for (size_t i = 0; i < bytes; i += step)
		at[i] = 1;
}

#endif
