/*
 * usage: loads NAME OPERATIONS CPU
 * Waits for a line on standard input, does the operations on CPU, and prints the CPU
 * time (user and system, helpers included) of one operation in nanoseconds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long operations;
static int there[2], back[2];

static int64_t used_ns(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000000l +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000l;
}

static void *echo(void *unused)
{
	char byte;

	while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
		;
	return unused;
}

/* One operation is one switch: there and back on one CPU are two. */
static void pipe1(void)
{
	pthread_t other;
	char byte = 0;

	if (pipe(there) || pipe(back))
		exit(1);
	pthread_create(&other, NULL, echo, NULL);
	for (long i = 0; i < operations; i += 2)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			exit(1);
}

static void fault(void)
{
	const long pages = 64;

	for (long i = 0; i < operations; i += pages) {
		char *piece = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(piece, pages * 4096, MADV_NOHUGEPAGE);
		for (long page = 0; page < pages; page++)
			piece[page * 4096] = 1;
		munmap(piece, pages * 4096);
	}
}

static void udp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	char data[64] = { 0 };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(in, (void *)&address, length) || getsockname(in, (void *)&address, &length) ||
	    connect(out, (void *)&address, length))
		exit(1);
	for (long i = 0; i < operations; i++)
		if (send(out, data, sizeof(data), 0) < 0 || recv(in, data, sizeof(data), 0) < 0)
			exit(1);
}

static void getparent(void)
{
	for (long i = 0; i < operations; i++)
		syscall(SYS_getppid);
}

static void spin(void)
{
	for (long i = 0; i < operations; i++)
		__asm__ volatile("" ::: "memory");
}

static pthread_barrier_t gate;

static atomic_long arrivals;

/* Counts, by the kernel's own word, how often it was given a CPU. */
static void *one_of_herd(void *unused)
{
	char text[128];
	long count;
	int file;
	ssize_t length;

	pthread_barrier_wait(&gate);
	sched_yield();
	file = open("/proc/thread-self/schedstat", O_RDONLY);
	length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	if (length > 0) {
		text[length] = 0;
		if (sscanf(text, "%*d %*d %ld", &count) == 1)
			arrivals += count;
	}
	if (file >= 0)
		close(file);
	return unused;
}

/* All threads become runnable at once; OPERATIONS is their number. */
static void herd(void)
{
	pthread_t *threads = calloc(operations, sizeof(*threads));
	pthread_attr_t small;
	long made = 0;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32 << 10);
	pthread_barrier_init(&gate, NULL, operations);
	while (made < operations && !pthread_create(&threads[made], &small, one_of_herd, NULL))
		made++;
	if (made < operations) {
		fprintf(stderr, "only %ld threads can be made here\n", made);
		exit(1);
	}
	for (long i = 0; i < made; i++)
		pthread_join(threads[i], NULL);
}

static const struct {
	const char *name;
	void (*body)(void);
} loads[] = {
	{ "pipe1", pipe1 }, { "fault", fault }, { "udp", udp }, { "getppid", getparent },
	{ "spin", spin }, { "herd", herd },
};

int main(int count, char **arguments)
{
	int64_t before;
	cpu_set_t set;

	if (count != 4)
		return 64;
	operations = atol(arguments[2]);
	CPU_ZERO(&set);
	CPU_SET(atoi(arguments[3]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (unsigned i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		if (strcmp(arguments[1], loads[i].name))
			continue;
		getchar();
		before = used_ns();
		loads[i].body();
		if (arrivals)
			printf("%ld\n", arrivals);
		else
			printf("%.3f\n", (used_ns() - before) / (double)operations);
		return 0;
	}
	return 64;
}
