/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of Linux that Swift's view of the C library lacks. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdint.h>

/*
 * Gives up every capability and the way to get any back. What the kernel refuses is left as it
 * is: answers -1 where something may still be held.
 */
int drop_privileges(void);

/* What ps and top call this thread, and those that it starts. */
void name_thread(const char *name);

/* An eventfd, or -1. */
int event_counter(void);

/* A pipe that children do not inherit; -1 when there is none to be had. */
int closed_pipe(int ends[2]);

#endif
