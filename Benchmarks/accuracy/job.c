/*
 * A stand-in for one training rank: a launch thread on a cadence, loader workers that
 * hand over batches through a pipe, a communication thread, and, on request, things
 * that go wrong inside a job. Prints what the launch thread suffered as one JSON line.
 */
#define _GNU_SOURCE
#include "job.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct options opt = {
	.launch_cpu = -1, .launch_main = 1, .launch_us = 200, .period_us = 1000,
	.workers = 2, .worker_us = 1500, .batch_every = 10, .touch = 16,
	.batch_bytes = 256 << 10, .mode = "read", .comm = "sleep",
	.omp_us = 2000, .storm_rate = 2000, .seconds = 3600,
};
volatile int stopping;
int request_pipe[2], result_pipe[2];

static double loops_per_us;
static _Thread_local uint32_t scratch[32 << 10];	/* 128 KiB: a migration is felt */

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void sleep_until(uint64_t deadline_ns)
{
	struct timespec t = { deadline_ns / 1000000000, deadline_ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) && !stopping)
		;
}

static void loops(long count)
{
	uint32_t x = 12345;

	for (long i = 0; i < count; i++) {
		x = x * 1664525 + 1013904223;
		scratch[(x >> 8) % (sizeof(scratch) / sizeof(*scratch))] += x;
	}
}

void burn(int us)
{
	loops((long)(us * loops_per_us));
}

/* The fastest of many short trials is the one that nobody disturbed. */
void calibrate(void)
{
	uint64_t best = ~0ull;

	for (int i = 0; i < 50; i++) {
		uint64_t start = now_ns();

		loops(20000);
		if (now_ns() - start < best)
			best = now_ns() - start;
	}
	loops_per_us = 20000 * 1000.0 / best;
}

void name_thread(const char *name)
{
	if (name)
		prctl(PR_SET_NAME, name);
}

void run_elsewhere(void)
{
	cpu_set_t set;

	if (!opt.others_mask)
		return;
	CPU_ZERO(&set);
	for (int cpu = 0; cpu < 64; cpu++)
		if (opt.others_mask >> cpu & 1)
			CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void start_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, argument)) {
		perror("pthread_create");
		exit(1);
	}
}

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

static const char *const usage =
	"job: see struct options in job.h; every field is --field-name VALUE\n";

#define NUMBER(name, field) if (!strcmp(key, name)) { opt.field = strtol(value, NULL, 0); return 1; }
#define STRING(name, field) if (!strcmp(key, name)) { opt.field = value; return 1; }

static int set_option(const char *key, const char *value)
{
	NUMBER("--launch-cpu", launch_cpu) NUMBER("--others-mask", others_mask)
	NUMBER("--launch-main", launch_main) NUMBER("--launch-spin", launch_spin)
	NUMBER("--launch-us", launch_us) NUMBER("--period-us", period_us)
	NUMBER("--workers", workers) NUMBER("--worker-threads", worker_threads)
	NUMBER("--worker-us", worker_us) NUMBER("--batch-every", batch_every)
	NUMBER("--touch", touch) NUMBER("--batch-bytes", batch_bytes)
	NUMBER("--grow", grow) NUMBER("--omp", omp) NUMBER("--omp-us", omp_us)
	NUMBER("--munmap-storm", storm) NUMBER("--storm-rate", storm_rate)
	NUMBER("--seconds", seconds) STRING("--loader-file", file)
	STRING("--loader-mode", mode) STRING("--comm", comm)
	STRING("--launch-name", launch_name) STRING("--comm-name", comm_name)
	STRING("--worker-name", worker_name)
	return 0;
}

static void *grow(void *unused)
{
	long step = 1 << 20;

	run_elsewhere();
	for (long done = 0; done < opt.grow && !stopping; done += step) {
		char *piece = mmap(NULL, step, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (piece != MAP_FAILED)
			memset(piece, 1, step);
		sleep_until(now_ns() + 1000000);
	}
	return unused;
}

int main(int count, char **arguments)
{
	struct sigaction action = { .sa_handler = stop };

	for (int i = 1; i + 1 < count; i += 2)
		if (!set_option(arguments[i], arguments[i + 1]))
			return fputs(usage, stderr), 64;
	prctl(PR_SET_TIMERSLACK, 1000);
	calibrate();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (pipe(request_pipe) || pipe(result_pipe))
		return perror("pipe"), 1;
	start_workers();
	alarm(opt.seconds);
	if (opt.grow)
		start_thread(grow, NULL);
	start_comm();
	start_omp();
	start_storm();
	if (opt.launch_main) {
		launch(NULL);
	} else {
		pthread_t thread;

		pthread_create(&thread, NULL, launch, NULL);
		pthread_join(thread, NULL);
	}
	return 0;
}
