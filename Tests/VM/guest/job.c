/*
 * A stand-in for a training job: a launch thread that wakes up every few milliseconds and touches
 * its memory, and what else is asked for. Prints its pid when all of it is in place.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>

static struct {
	long period_us, busy_us, mib, huge_mib, thp_mib, loaders, step_pages;
	int bind;
	const char *feeders, *sharers;
	int small;
} option = { .period_us = 10000, .busy_us = 1500, .mib = 32, .bind = -1, .step_pages = 16 };

static char *memory;
static size_t bytes, stride = PAGE;

static void busy(long us)
{
	static __thread size_t next;
	long long end = now_ns() + us * 1000LL;

	do {
		for (long i = 0; i < option.step_pages; i++) {
			next = (next + stride) % bytes;
			memory[next]++;
		}
	} while (now_ns() < end);
}

/* A fresh buffer in huge pages each time, as an allocator without a cache would take it. */
static void take_huge_pages(void)
{
	size_t size = (size_t)option.thp_mib << 20;
	char *at = mapped(size + HUGE, 0);
	char *aligned = (char *)(((unsigned long)at + HUGE - 1) & ~(HUGE - 1ul));

	if (madvise(aligned, size, MADV_HUGEPAGE))
		fail("madvise");
	touch(aligned, size, HUGE);
	munmap(at, size + HUGE);
}

/*
 * Threads that use the same memory, those at even places of the list and those at odd ones in turns
 * of a second and a half: pages that follow their user are moved to and fro.
 */
static void *sharer(void *argument)
{
	const long long turn_ns = 1500000000;
	long *mine = argument;

	prctl(PR_SET_NAME, "sharer");
	pin_to_cpu(mine[0]);
	for (;;) {
		if (now_ns() / turn_ns % 2 == mine[1] % 2)
			busy(5000);
		sleep_us(5000);
	}
	return NULL;
}

struct feeder {
	long cpu;
	int turn[2], next, result;
};

/* Wakes the launch thread in turns: the kernel likes to bring who is woken to who wakes. */
static void *feeder(void *argument)
{
	struct feeder *me = argument;
	char byte;

	prctl(PR_SET_NAME, "feeder");
	pin_to_cpu(me->cpu);
	while (read(me->turn[0], &byte, 1) == 1) {
		sleep_us(option.period_us);
		if (write(me->result, &byte, 1) != 1)
			break;
	}
	return NULL;
}

static void start(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, argument))
		fail("pthread_create");
}

static void each_cpu(const char *list, void (*visit)(long cpu))
{
	char *copy = strdup(list);

	for (char *word = strtok(copy, ","); word; word = strtok(NULL, ","))
		visit(atol(word));
	free(copy);
}

static struct feeder feeders[64];
static int feeder_count, results[2];

static void add_feeder(long cpu)
{
	struct feeder *me = &feeders[feeder_count++];

	me->cpu = cpu;
	me->result = results[1];
	if (pipe(me->turn))
		fail("pipe");
	start(feeder, me);
}

static void add_sharer(long cpu)
{
	static long places[64][2];
	static int count;

	places[count][0] = cpu;
	places[count][1] = count;
	start(sharer, places[count++]);
}

static void parse(int count, char **arguments)
{
	static const struct option names[] = {
		{ "period-us", 1, 0, 'p' }, { "busy-us", 1, 0, 'b' }, { "mib", 1, 0, 'm' },
		{ "huge-mib", 1, 0, 'h' },  { "thp-mib", 1, 0, 't' }, { "loaders", 1, 0, 'l' },
		{ "bind", 1, 0, 'n' },	    { "feeders", 1, 0, 'f' }, { "sharers", 1, 0, 's' },
		{ "small-pages", 0, 0, '4' }, { 0 },
	};

	for (int c; (c = getopt_long(count, arguments, "", names, NULL)) != -1;)
		switch (c) {
		case 'p': option.period_us = atol(optarg); break;
		case 'b': option.busy_us = atol(optarg); break;
		case 'm': option.mib = atol(optarg); break;
		case 'h': option.huge_mib = atol(optarg); break;
		case 't': option.thp_mib = atol(optarg); break;
		case 'l': option.loaders = atol(optarg); break;
		case 'n': option.bind = atoi(optarg); break;
		case 'f': option.feeders = optarg; break;
		case 's': option.sharers = optarg; break;
		case '4': option.small = 1; break;
		default: exit(2);
		}
}

static void make_memory(void)
{
	bind_process(option.bind);
	bytes = (size_t)(option.huge_mib ? option.huge_mib : option.mib) << 20;
	memory = mapped(bytes, option.huge_mib ? MAP_HUGETLB : 0);
	if (option.small && madvise(memory, bytes, MADV_NOHUGEPAGE))
		fail("madvise");
	touch(memory, bytes, PAGE);
}

static void loader(void)
{
	prctl(PR_SET_NAME, "loader");
	prctl(PR_SET_PDEATHSIG, 9);
	make_memory();
	for (;;) {
		busy(1500);
		sleep_us(8500);
	}
}

/* With feeders the next piece of work comes from one of them; without, from the clock. */
static void wait_for_work(void)
{
	static int turn;
	char byte = 0;

	if (!feeder_count)
		return sleep_us(option.period_us);
	if (write(feeders[turn].turn[1], &byte, 1) != 1 || read(results[0], &byte, 1) != 1)
		fail("feeder");
	turn = (turn + 1) % feeder_count;
}

int main(int count, char **arguments)
{
	parse(count, arguments);
	/* Before there is memory to share: else each first write of a page would copy it. */
	for (long i = 0; i < option.loaders; i++)
		if (fork() == 0)
			loader();
	make_memory();
	if (pipe(results))
		fail("pipe");
	if (option.feeders)
		each_cpu(option.feeders, add_feeder);
	if (option.sharers)
		each_cpu(option.sharers, add_sharer);
	printf("%d\n", getpid());
	fflush(stdout);
	for (;;) {
		wait_for_work();
		busy(option.busy_us);
		if (option.thp_mib)
			take_huge_pages();
	}
}
