/*
 * Fragments the free memory: `fragment MIB NODE pinned|movable`. Takes so much of one node in small
 * pages, keeps one page in every block of a huge page and gives the rest back. Pinned pages lie in
 * pipes: the kernel cannot move them, so compaction finds no whole block; what it finds all the same is taken for two
 * minutes. Movable ones stay mapped.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <fcntl.h>
#include <sys/uio.h>

/* Pages that a pipe holds by default; whole blocks to look for when the rest is in pieces. */
enum { SLOTS = 16, BLOCK_PAGES = HUGE / PAGE, REST = 256, LATER = 6000 };

static int open_pipe(void)
{
	int ends[2];

	if (pipe(ends))
		fail("pipe");
	return ends[1];
}

/* The physical page that holds an address. */
static unsigned long frame(int pagemap, char *at)
{
	unsigned long entry = 0;

	if (pread(pagemap, &entry, 8, (unsigned long)at / PAGE * 8) != 8)
		fail("pagemap");
	return entry & ((1ul << 55) - 1);
}

static void hold(char *at)
{
	static int pipe_end = -1, used = SLOTS;
	struct iovec page = { at, PAGE };

	if (used++ == SLOTS) {
		pipe_end = open_pipe();
		used = 1;
	}
	if (vmsplice(pipe_end, &page, 1, 0) != PAGE)
		fail("vmsplice");
}

/* Touches all of it; marks the pages to keep, one in every block. */
static long take(char *at, size_t pages, char *keep)
{
	enum { BLOCKS = 1 << 20 };	/* by number of block: 2 TiB */
	char *seen = mapped(BLOCKS, 0);
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	long kept = 0;

	for (size_t i = 0; i < pages; i++) {
		unsigned long block;

		at[i * PAGE] = 1;
		block = frame(pagemap, at + i * PAGE) / BLOCK_PAGES % BLOCKS;
		keep[i] = !seen[block];
		seen[block] = 1;
		kept += keep[i];
	}
	return kept;
}

static void give_back(char *at, size_t pages, const char *keep)
{
	for (size_t i = 0, from = 0; i <= pages; i++) {
		if (i < pages && !keep[i])
			continue;
		if (i > from && madvise(at + from * PAGE, (i - from) * PAGE, MADV_DONTNEED))
			fail("madvise");
		from = i + 1;
	}
}

/*
 * Whole blocks that are left: one touch takes each, and where there is none, a small page. With a
 * pause in between also those that the kernel puts together, or others give back, meanwhile.
 */
static void take_whole_blocks(size_t blocks, long pause_us)
{
	char *at = mapped((blocks + 1) * HUGE, MAP_NORESERVE);
	char *aligned = (char *)(((unsigned long)at + HUGE - 1) & ~(HUGE - 1ul));

	if (madvise(aligned, blocks * HUGE, MADV_HUGEPAGE))
		fail("madvise");
	for (size_t i = 0; i < blocks; i++) {
		touch(aligned + i * HUGE, 1, 1);
		sleep_us(pause_us);
	}
}

int main(int count, char **arguments)
{
	size_t pages;
	char *at, *keep;
	long kept;

	if (count != 4)
		fail("usage: fragment MIB NODE pinned|movable");
	pages = strtoul(arguments[1], NULL, 10) << 8;
	bind_process(atoi(arguments[2]));
	at = mapped(pages * PAGE, 0);
	keep = mapped(pages, 0);
	if (madvise(at, pages * PAGE, MADV_NOHUGEPAGE))
		fail("madvise");
	kept = take(at, pages, keep);
	if (!strcmp(arguments[3], "pinned")) {
		for (size_t i = 0; i < pages; i++)
			if (keep[i])
				hold(at + i * PAGE);
		munmap(at, pages * PAGE);
	} else {
		give_back(at, pages, keep);
	}
	take_whole_blocks(REST, 0);
	printf("%ld\n", kept);
	fflush(stdout);
	if (!strcmp(arguments[3], "pinned"))
		take_whole_blocks(LATER, 20000);
	pause();
}
