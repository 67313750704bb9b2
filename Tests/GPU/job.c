/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job of ranks whose GPUs are arithmetic: a launch thread really computes, hands over work that
 * takes its GPU a known time, and waits while enough is queued. So what holds the thread up really
 * leaves the GPU idle, by an amount that is known.
 *
 *   job hardware STATE BUSY COUNT    the GPUs: keeps the busy time of each in BUSY, 8 bytes each
 *   job rank STATE N LAUNCH GPU [sync=COUNT] [pause=EVERY,MS] [fed=US,CPU]
 *
 * LAUNCH: µs of CPU time before each piece of work; GPU: µs that it takes. sync: no rank begins a
 * step before all COUNT have launched the one before. pause: every EVERY ms the launch thread
 * computes for MS ms by itself, as a garbage collection does. fed: each piece waits for a batch
 * that a child process on that CPU has computed for US µs, two batches ahead.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MOST_GPUS = 16 };

/* One rank's GPU: work handed over so far, ns, and when it will have done it. */
struct gpu {
	_Atomic uint64_t handed_over;
	_Atomic uint64_t free_at;
	_Atomic uint64_t steps;
	uint64_t unused[5];
};

static uint64_t now_on(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t now(void)
{
	return now_on(CLOCK_MONOTONIC);
}

static void sleep_until(uint64_t when)
{
	struct timespec time = { (time_t)(when / 1000000000), (long)(when % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, 0);
}

static void compute(uint64_t nanoseconds)
{
	uint64_t end = now_on(CLOCK_THREAD_CPUTIME_ID) + nanoseconds;

	while (now_on(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

static void *shared(const char *path, size_t size)
{
	int file = open(path, O_RDWR | O_CREAT, 0644);
	void *memory;

	if (file < 0 || ftruncate(file, (off_t)size))
		exit(2);
	memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		exit(2);
	close(file);
	return memory;
}

static void hardware(struct gpu *gpus, _Atomic uint64_t *busy, int count)
{
	struct sched_param first = { .sched_priority = 50 };
	uint64_t next = now();

	sched_setscheduler(0, SCHED_FIFO, &first);
	for (;; sleep_until(next += 5000000)) {
		for (int i = 0; i < count; i++) {
			/* In this order: what is handed over meanwhile counts as still to be done. */
			uint64_t total = gpus[i].handed_over, free_at = gpus[i].free_at, t = now();
			uint64_t left = free_at > t ? free_at - t : 0;

			if (total > left && total - left > busy[i])
				busy[i] = total - left;
		}
	}
}

static void hand_over(struct gpu *gpu, uint64_t work)
{
	uint64_t t = now(), free_at = gpu->free_at;

	gpu->free_at = (free_at > t ? free_at : t) + work;
	gpu->handed_over += work;
}

static void wait_for_others(struct gpu *gpus, int count, uint64_t step)
{
	for (int i = 0; i < count; i++)
		while (gpus[i].steps < step)
			sleep_until(now() + 200000);
}

/* A loader; the end to read its batches from. A page of padding makes the pipe hold two of them. */
static int loader(uint64_t work, int cpu)
{
	static char batch[4096];
	cpu_set_t cpus;
	int ends[2];

	if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, 2 * sizeof(batch)) < 0)
		exit(2);
	if (fork())
		return ends[0];
	prctl(PR_SET_PDEATHSIG, 9);
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		exit(2);
	for (;;) {
		compute(work);
		if (write(ends[1], batch, sizeof(batch)) != sizeof(batch))
			exit(0);
	}
}

static void wait_for_batch(int batches)
{
	static char batch[4096];
	size_t left = sizeof(batch);

	while (left > 0) {
		ssize_t size = read(batches, batch, left);

		if (size <= 0)
			exit(2);
		left -= (size_t)size;
	}
}

static void rank(struct gpu *gpus, int number, uint64_t launch, uint64_t work, int count,
		 uint64_t pause_every, uint64_t pause, int batches)
{
	struct gpu *gpu = &gpus[number];
	uint64_t next_pause = now() + pause_every;

	for (;;) {
		if (batches >= 0)
			wait_for_batch(batches);
		compute(launch);
		if (pause && now() >= next_pause) {
			compute(pause);
			next_pause += pause_every;
		}
		hand_over(gpu, work);
		wait_for_others(gpus, count, ++gpu->steps);
		/* One piece of work is queued behind the one that runs. */
		if (gpu->free_at > now() + work)
			sleep_until(gpu->free_at - work);
	}
}

int main(int count, char **words)
{
	struct gpu *gpus;
	unsigned long every = 0, pause = 0, load = 0;
	int ranks = 0, cpu = 0, batches = -1;

	if (count < 5)
		return 64;
	prctl(PR_SET_PDEATHSIG, 9);
	gpus = shared(words[2], MOST_GPUS * sizeof(*gpus));
	if (!strcmp(words[1], "hardware"))
		hardware(gpus, shared(words[3], MOST_GPUS * 8), atoi(words[4]));
	if (count < 6 || atoi(words[3]) >= MOST_GPUS)
		return 64;
	for (int i = 6; i < count; i++) {
		sscanf(words[i], "sync=%d", &ranks);
		sscanf(words[i], "pause=%lu,%lu", &every, &pause);
		sscanf(words[i], "fed=%lu,%d", &load, &cpu);
	}
	if (load)
		batches = loader(load * 1000, cpu);
	rank(gpus, atoi(words[3]), strtoull(words[4], 0, 10) * 1000,
	     strtoull(words[5], 0, 10) * 1000, ranks, every * 1000000, pause * 1000000, batches);
}
