#pragma once

/* CPUs that a thread may run on, as bits; 0, or the error's number. Swift's Glibc lacks the call. */
int scheduler_affinity(int tid, unsigned long *words, int count);
