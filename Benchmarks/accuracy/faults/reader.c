/*
 * usage: reader CPU FILE DEPTH
 * Direct random reads with DEPTH in flight, submitted from CPU, so that the device
 * interrupts wherever its interrupt is delivered. Never in anybody's way on CPU.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 128, BLOCK = 512 };

static struct iocb requests[MOST];
static char *buffer;
static unsigned seed = 4711;

static int submit(aio_context_t context, int file, long blocks, int i)
{
	struct iocb *request = &requests[i];

	*request = (struct iocb){
		.aio_data = i, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = file,
		.aio_buf = (unsigned long)(buffer + i * BLOCK), .aio_nbytes = BLOCK,
		.aio_offset = (rand_r(&seed) % blocks) * (long)BLOCK,
	};
	return syscall(SYS_io_submit, context, 1, &request) != 1;
}

static void settle(int cpu)
{
	struct sched_param none = { 0 };
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, SCHED_IDLE, &none);
}

int main(int count, char **arguments)
{
	struct io_event done[MOST];
	aio_context_t context = 0;
	struct stat facts;
	int file, depth;

	if (count != 4)
		return 64;
	settle(atoi(arguments[1]));
	depth = atoi(arguments[3]);
	file = open(arguments[2], O_RDONLY | O_DIRECT);
	if (file < 0 || fstat(file, &facts) || posix_memalign((void **)&buffer, 4096, MOST * BLOCK))
		return perror(arguments[2]), 1;
	if (depth < 1 || depth > MOST || syscall(SYS_io_setup, MOST, &context))
		return perror("io_setup"), 1;
	for (int i = 0; i < depth; i++)
		if (submit(context, file, facts.st_size / BLOCK, i))
			return perror("io_submit"), 1;
	for (;;) {
		long n = syscall(SYS_io_getevents, context, 1, MOST, done, NULL);

		for (long i = 0; i < n; i++)
			submit(context, file, facts.st_size / BLOCK, done[i].data);
	}
}
