/* usage: bouncer TID MOVES_PER_SECOND CPU CPU: pushes a thread to and fro between two CPUs. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

int main(int count, char **arguments)
{
	struct timespec rest = { 0 };

	if (count != 5)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rest.tv_nsec = 1000000000 / atol(arguments[2]);
	for (int turn = 0;; turn = !turn) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(atoi(arguments[3 + turn]), &set);
		if (sched_setaffinity(atoi(arguments[1]), sizeof(set), &set))
			return perror("sched_setaffinity"), 1;
		nanosleep(&rest, NULL);
	}
}
