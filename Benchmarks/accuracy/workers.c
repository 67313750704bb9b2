/* Everything in the job that is not the launch thread. */
#define _GNU_SOURCE
#include "job.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static long file_size;
static volatile long sink;

static long random_offset(unsigned *seed, long align)
{
	long room = file_size > opt.batch_bytes ? file_size - opt.batch_bytes : 0;
	long value = (long)rand_r(seed) << 16 ^ rand_r(seed);

	return room ? value % room / align * align : 0;
}

static void read_batch(int file, char *buffer, unsigned *seed)
{
	long offset = random_offset(seed, 4096), piece = 128 << 10;

	for (long done = 0; done < opt.batch_bytes; done += piece)
		if (pread(file, buffer, piece, offset + done) < 0)
			return perror("pread");
}

static void map_batch(int file, unsigned *seed)
{
	long offset = random_offset(seed, 4096);
	char *data = mmap(NULL, opt.batch_bytes, PROT_READ, MAP_SHARED, file, offset);

	if (data == MAP_FAILED)
		return perror("mmap");
	madvise(data, opt.batch_bytes, MADV_RANDOM);
	for (int i = 0; i < opt.touch; i++)
		sink += data[(long)rand_r(seed) % opt.batch_bytes];
	munmap(data, opt.batch_bytes);
}

static int open_file(void)
{
	int direct = !strcmp(opt.mode, "direct") ? O_DIRECT : 0, file;
	struct stat facts;

	if (!opt.file)
		return -1;
	file = open(opt.file, O_RDONLY | direct);
	if (file < 0 || fstat(file, &facts)) {
		perror(opt.file);
		exit(1);
	}
	file_size = facts.st_size;
	return file;
}

static void *worker(void *number)
{
	unsigned seed = 77 + (unsigned)(long)number;
	char message[64] = { 0 }, *buffer;
	int file = open_file();

	name_thread(opt.worker_name);
	run_elsewhere();
	if (posix_memalign((void **)&buffer, 4096, 128 << 10))
		exit(1);
	while (!stopping && read(request_pipe[0], message, 1) == 1) {
		if (file >= 0 && !strcmp(opt.mode, "mmap"))
			map_batch(file, &seed);
		else if (file >= 0)
			read_batch(file, buffer, &seed);
		burn(opt.worker_us);
		if (write(result_pipe[1], message, sizeof(message)) < 0)
			break;
	}
	return NULL;
}

void start_workers(void)
{
	for (long i = 0; i < opt.workers; i++) {
		if (opt.worker_threads) {
			start_thread(worker, (void *)i);
		} else if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			signal(SIGTERM, SIG_DFL);
			worker((void *)i);
			_exit(0);
		}
	}
	for (int i = 0; i < 2 * opt.workers; i++)
		if (write(request_pipe[1], "n", 1) < 0)
			exit(1);
}

/* Polls like a proxy thread: short work, then either a sleep or a burst of yields. */
static void *comm(void *unused)
{
	int yields = !strcmp(opt.comm, "spin-yield");

	name_thread(opt.comm_name);
	run_elsewhere();
	while (!stopping) {
		uint64_t start = now_ns();

		burn(25);
		while (yields && now_ns() < start + 200000)
			sched_yield();
		sleep_until(start + 600000);
	}
	return unused;
}

void start_comm(void)
{
	if (strcmp(opt.comm, "none"))
		start_thread(comm, NULL);
}

static pthread_barrier_t together;

static void *omp(void *unused)
{
	while (!stopping) {
		burn(opt.omp_us);
		pthread_barrier_wait(&together);
	}
	return unused;
}

void start_omp(void)
{
	if (opt.omp)
		pthread_barrier_init(&together, NULL, opt.omp);
	for (int i = 0; i < opt.omp; i++)
		start_thread(omp, NULL);
}

static void map_and_forget(unsigned *seed)
{
	long size = (64l << 10) << rand_r(seed) % 5;
	char *piece = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (piece == MAP_FAILED)
		return;
	for (long at = 0; at < size; at += 256 << 10)
		piece[at] = 1;
	munmap(piece, size);
}

static void *storm(void *number)
{
	unsigned seed = 99 + (unsigned)(long)number;
	uint64_t next = now_ns();

	run_elsewhere();
	while (!stopping) {
		for (int i = 0; i < 8; i++)
			map_and_forget(&seed);
		next += 8 * 1000000000ull / opt.storm_rate;
		if (next < now_ns())
			next = now_ns();
		else
			sleep_until(next);
	}
	return NULL;
}

void start_storm(void)
{
	for (long i = 0; i < opt.storm; i++)
		start_thread(storm, (void *)i);
}
