/* usage: evictor FILE MILLISECONDS: drops the file from the page cache again and again. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

int main(int count, char **arguments)
{
	struct timespec rest = { 0 };
	int file;

	if (count != 3)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	file = open(arguments[1], O_RDONLY);
	if (file < 0)
		return perror(arguments[1]), 1;
	rest.tv_nsec = atol(arguments[2]) * 1000000;
	for (;;) {
		posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
		nanosleep(&rest, NULL);
	}
}
