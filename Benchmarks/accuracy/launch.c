/* The launch thread: what the GPU waits for, and how late it was. */
#define _GNU_SOURCE
#include "job.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS = 24 };	/* log2 of microseconds */

static struct {
	uint64_t since, ticks, late_ns, longest_ns, busy_ns, batch_wait_ns, batches, moves;
	uint64_t late[SLOTS], busy[SLOTS];
} seen;
static volatile int restart;

static void begin_again(int signal)
{
	(void)signal;
	restart = 1;
}

static int slot(uint64_t ns)
{
	uint64_t us = ns / 1000;
	int n = us ? 64 - __builtin_clzll(us) : 0;

	return n < SLOTS ? n : SLOTS - 1;
}

/* The upper edge of the slot in which the share lies, in microseconds. */
static uint64_t quantile(const uint64_t *slots, double share)
{
	uint64_t sum = 0, reached = 0;

	for (int i = 0; i < SLOTS; i++)
		sum += slots[i];
	for (int i = 0; i < SLOTS; i++)
		if ((reached += slots[i]) >= share * sum)
			return 1ull << i;
	return 1ull << SLOTS;
}

static void report(void)
{
	double wall = (now_ns() - seen.since) / 1e9;

	printf("{\"seconds\": %.3f, \"ticks\": %lu, \"expected\": %.0f, "
	       "\"lateShare\": %.4f, \"lateP50Us\": %lu, \"lateP99Us\": %lu, "
	       "\"lateMaxUs\": %lu, \"busyShare\": %.4f, \"busyP50Us\": %lu, "
	       "\"batches\": %lu, \"batchWaitShare\": %.4f, \"moves\": %lu}\n",
	       wall, seen.ticks, wall * 1e6 / opt.period_us,
	       seen.late_ns / 1e9 / wall, quantile(seen.late, 0.5),
	       quantile(seen.late, 0.99), seen.longest_ns / 1000,
	       seen.busy_ns / 1e9 / wall, quantile(seen.busy, 0.5),
	       seen.batches, seen.batch_wait_ns / 1e9 / wall, seen.moves);
	fflush(stdout);
}

static void wait_for_tick(uint64_t next)
{
	if (!opt.launch_spin)
		return sleep_until(next);
	while (now_ns() < next && !stopping)
		__builtin_ia32_pause();
}

static void take_batch(void)
{
	uint64_t start = now_ns();
	struct pollfd ready = { .fd = result_pipe[0], .events = POLLIN };
	char message[64];

	while (poll(&ready, 1, 100) <= 0)
		if (stopping)
			return;
	if (read(result_pipe[0], message, sizeof(message)) <= 0)
		return;
	seen.batch_wait_ns += now_ns() - start;
	seen.batches++;
	if (write(request_pipe[1], "n", 1) < 0)
		stopping = 1;
}

static void one_tick(uint64_t due, int *cpu)
{
	uint64_t woke = now_ns(), late = woke > due ? woke - due : 0;
	int here = sched_getcpu();

	seen.moves += here != *cpu;
	*cpu = here;
	seen.ticks++;
	seen.late_ns += late;
	seen.late[slot(late)]++;
	if (late > seen.longest_ns)
		seen.longest_ns = late;
	burn(opt.launch_us);
	seen.busy_ns += now_ns() - woke;
	seen.busy[slot(now_ns() - woke)]++;
}

static void prepare(void)
{
	struct sigaction action = { .sa_handler = begin_again, .sa_flags = SA_RESTART };
	cpu_set_t set;

	sigaction(SIGUSR1, &action, NULL);
	name_thread(opt.launch_name);
	if (opt.launch_cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(opt.launch_cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	printf("{\"launch\": %ld}\n", syscall(SYS_gettid));
	fflush(stdout);
}

void *launch(void *unused)
{
	uint64_t next, period = opt.period_us * 1000ull;
	int cpu = -1;

	prepare();
	seen.since = next = now_ns();
	for (uint64_t tick = 0; !stopping; tick++) {
		next += period;
		if (next < now_ns())
			next = now_ns();
		wait_for_tick(next);
		if (restart) {
			memset(&seen, 0, sizeof(seen));
			seen.since = now_ns();
			restart = 0;
		}
		one_tick(next, &cpu);
		if (opt.workers && tick % opt.batch_every == 0)
			take_batch();
	}
	report();
	return unused;
}
