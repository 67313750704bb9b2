/// The text report of the rich sample, ASCII, 80 columns.
let golden = #"""
    HOST-BOUND  The host took 31 % of the launch thread's time; worst:
                cpu-contention by python3 (pid 812).

    gpu-17 - Linux 6.8.0-45-generic - 4 CPUs - 2 NUMA nodes
    30 s from 2026-01-01 00:00:00 UTC - stoker 0.1.0

    Where the time went
      pid 4242, rank 3, 15 threads: python3 train.py --batch 512

      Percent of wall time; held: interrupted, or blocked but not asleep.
      # running  I irq  S softirq  w waiting  o io  . sleeping

      thread               tid role                           run  wait  held sleep
      python3             4242 launch     #########Iwwwww..    58    31   1.8   9.2
      pt_data_worker      4301 loader     ############oo...    70     0    10    20
      pt_data_worker      4302 loader     ############oo...    70     0   9.4    20
      pt_data_worker      4303 loader     ############oo...    71     0   8.8    20
      pt_data_worker      4304 loader     ############o....    71     0   8.2    20
      pt_data_worker      4305 loader     ############o....    72     0   7.5    21
      pt_data_worker      4306 loader     ############o....    72     0   6.9    21
      pt_data_worker      4307 loader     ############o....    73     0   6.3    21
      pt_data_worker      4308 loader     ############o....    73     0   5.6    21
      pt_data_worker      4309 loader     ############o....    74     0   4.9    21
      pt_data_worker      4310 loader     #############o...    74     0   4.3    21
      pt_data_worker      4311 loader     ############o....    75     0   3.6    21
      and 3 more threads

      Of 9.3 s waiting for a CPU, behind: python3 (pid 812) 97 %, ksoftirqd/3 (pid
      31) 3.2 %.

    Findings

    1  WARNING  cpu-contention (strangers-on-training-cpus, measured)
       The launch thread of rank 3 waited 31 % of its time for CPU 3 while python3
       (pid 812) ran there.

       who       python3 (pid 812)
       cost      0.31 thread-seconds lost every second; 31 % of the launch thread's
                 time
       hits      launch thread python3 (tid 4242) of pid 4242
       why       The GPU gets its next kernel from one thread. While that thread
                 stands in line, the GPU runs dry.
       do        taskset -apc 0-1 812
                 renice -n 10 -p 812
       keep      systemctl set-property other.service AllowedCPUs=0-1
       undo      taskset -apc 0-3 812
                 renice -n 0 -p 812
       risk      pid 812 gets slower.
       set by    slurmd runs here and also sets this; tell it too
       verify    stoker diagnose shows less than 1 % waiting for tid 4242.
       measured  time waiting for a CPU  31 % (limit 5 %; judgement)
                 preemptions             12,345 1/s

    Also noticed
      swappiness (swap)  vm.swappiness is 60: memory of the job may be swapped for
                         file cache.
          sysctl -w vm.swappiness=1

    Ruled out
      At most this much of the worst-hit thread's time: irq-load (1.5 %),
      softirq-load (0.3 %), memory-reclaim (0 %).

    Not seen
      irq       degraded; 1,234 events lost
      block     missing; needs CAP_BPF or root to load probes
      unchecked slow-disk, deep-queues: needs CAP_BPF or root to load probes

    More on a finding: stoker explain strangers-on-training-cpus

    """#

/// The same of a machine on which nobody trains.
let goldenMachine = #"""
    HEALTHY  No training process was found; this is about the whole machine. Nothing
             on it costs its programs 1 % or more.

    gpu-17 - Linux 6.8.0-45-generic - 4 CPUs - 2 NUMA nodes
    30 s from 2026-01-01 00:00:00 UTC - stoker 0.1.0

    Where the CPUs' time went
      Percent of each CPU's time
      # programs  o other  k kernel  I irq  S softirq  . idle

      cpu                                        prog other  kern   irq  soft  idle
      cpu 3    ###################oook.........    60    10   1.7   0.3   0.7    27
      cpu 2    #############oook...............    40    10   1.7   0.3   0.7    47
      cpu 1    ######oook......................    20    10   1.7   0.3   0.7    67
      cpu 0    oook............................     0    10   1.7   0.3   0.7    87

    Who used them
      Threads at a time that ran, waited for a CPU or were held; the bar shows the
      time awake
      # running  I irq  S softirq  w waiting  o io

      process              pid threads                          run  wait  held
      python3             4242      15 ####################wo  9.71  0.31  0.80

      Of 9.3 s waiting for a CPU, behind: python3 (pid 812) 97 %, ksoftirqd/3 (pid
      31) 3.2 %.

    Not seen
      irq       degraded; 1,234 events lost
      block     missing; needs CAP_BPF or root to load probes

    """#
