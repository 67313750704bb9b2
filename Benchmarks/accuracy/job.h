/* What the parts of the stand-in training job share. */
#ifndef JOB_H
#define JOB_H

#include <pthread.h>
#include <stdint.h>

struct options {
	int launch_cpu;		/* -1: wherever the scheduler likes */
	uint64_t others_mask;	/* CPUs of every other thread; 0: any */
	int launch_main;	/* the launch thread is the main thread */
	int launch_spin;	/* spins between ticks, as a spinning CUDA wait does */
	int launch_us, period_us;
	int workers, worker_threads, worker_us, batch_every, touch;
	long batch_bytes, grow;
	const char *file, *mode;	/* read, mmap or direct */
	const char *comm;	/* none, sleep or spin-yield */
	int omp, omp_us;
	int storm, storm_rate;	/* threads; munmaps a second of each */
	int seconds;
	const char *launch_name, *comm_name, *worker_name;
};

extern struct options opt;
extern volatile int stopping;
extern int request_pipe[2], result_pipe[2];

uint64_t now_ns(void);
void sleep_until(uint64_t deadline_ns);
void burn(int us);
void calibrate(void);
void name_thread(const char *name);
void run_elsewhere(void);
void start_thread(void *(*body)(void *), void *argument);

void start_workers(void);
void start_comm(void);
void start_omp(void);
void start_storm(void);
void *launch(void *unused);

#endif
