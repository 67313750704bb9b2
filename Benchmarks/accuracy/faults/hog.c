/* usage: hog CPU DUTY_PERCENT NICE: keeps a CPU busy for a share of every 20 ms. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>
#include <time.h>

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000l + t.tv_nsec;
}

int main(int count, char **arguments)
{
	const long period = 20000000;
	cpu_set_t set;

	if (count != 4)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(atoi(arguments[1]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	setpriority(PRIO_PROCESS, 0, atoi(arguments[3]));
	for (;;) {
		long start = now_ns(), busy = period / 100 * atoi(arguments[2]);

		while (now_ns() < start + busy)
			;
		if (busy < period) {
			struct timespec rest = { 0, period - busy };

			nanosleep(&rest, NULL);
		}
	}
}
