#define _GNU_SOURCE
#include "scheduler.h"

#include <errno.h>
#include <sched.h>

int scheduler_affinity(int tid, unsigned long *words, int count)
{
	if (sched_getaffinity(tid, count * sizeof(*words), (cpu_set_t *)words))
		return errno;
	return 0;
}
