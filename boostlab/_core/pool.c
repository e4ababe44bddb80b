/* The thread pool: workers wait for one region at a time and take its tasks by an
 * atomic counter. The caller works too and waits only for workers that have joined,
 * so a worker that the system has descheduled never holds a region up.
 */
#include "boostlab_core.h"

static void run_inline(bl_task task, void *context, int64_t n_tasks)
{
    for (int64_t i = 0; i < n_tasks; i++)
        task(context, i, 0);
}

#if defined(_WIN32) || defined(__STDC_NO_ATOMICS__)

void bl_parallel_for(bl_task task, void *context, int64_t n_tasks, int n_threads)
{
    (void)n_threads;
    run_inline(task, context, n_tasks);
}

#else

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { MAX_WORKERS = 255, SPIN_NANOSECONDS = 100000, REGION_OPEN = 1 << 16 };

/* The region being run. `gate` holds REGION_OPEN and the number of joined workers. */
static struct {
    bl_task task;
    void *context;
    int64_t n_tasks;
    int n_threads;
    _Atomic int64_t next;
    atomic_int gate;
    atomic_uint generation;
} region;

static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;   /* held during a region */
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static int n_workers;                                      /* guarded by busy */
static _Thread_local int inside_task;

static void take_tasks(int thread)
{
    inside_task++;
    for (;;) {
        int64_t i = atomic_fetch_add(&region.next, 1);
        if (i >= region.n_tasks)
            break;
        region.task(region.context, i, thread);
    }
    inside_task--;
}

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static unsigned next_generation(unsigned seen)
{
    int64_t start = nanoseconds();
    do {
        for (int i = 0; i < 64; i++) {
            unsigned now = atomic_load_explicit(&region.generation,
                                                memory_order_acquire);
            if (now != seen)
                return now;
        }
    } while (nanoseconds() - start < SPIN_NANOSECONDS);
    pthread_mutex_lock(&sleep_lock);
    unsigned now;
    while ((now = atomic_load(&region.generation)) == seen)
        pthread_cond_wait(&wake, &sleep_lock);
    pthread_mutex_unlock(&sleep_lock);
    return now;
}

/* Join the region if it is still open; its fields are stable while joined. */
static int join_region(void)
{
    int gate = atomic_load(&region.gate);
    while (gate & REGION_OPEN)
        if (atomic_compare_exchange_weak(&region.gate, &gate, gate + 1))
            return 1;
    return 0;
}

static void *work(void *argument)
{
    int thread = (int)(intptr_t)argument;
    unsigned seen = 0;
    for (;;) {
        seen = next_generation(seen);
        if (!join_region())
            continue;
        if (thread < region.n_threads)
            take_tasks(thread);
        atomic_fetch_sub(&region.gate, 1);
    }
    return NULL;
}

/* A child of fork has none of the workers, and may have inherited held locks. */
static void forget_workers(void)
{
    static const pthread_mutex_t fresh_lock = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_cond_t fresh_condition = PTHREAD_COND_INITIALIZER;
    busy = fresh_lock;
    sleep_lock = fresh_lock;
    wake = fresh_condition;
    n_workers = 0;
    inside_task = 0;
    atomic_store(&region.gate, 0);
}

static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, forget_workers);
}

static void start_workers(int wanted)
{
    sigset_t all, before;
    pthread_attr_t detached;
    if (n_workers >= wanted || pthread_attr_init(&detached) != 0)
        return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);    /* signals are for the interpreter's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (n_workers < wanted) {
        pthread_t id;
        if (pthread_create(&id, &detached, work, (void *)(intptr_t)(n_workers + 1)))
            break;       /* fewer threads: the same result, later */
        n_workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
}

void bl_parallel_for(bl_task task, void *context, int64_t n_tasks, int n_threads)
{
    if (n_threads > MAX_WORKERS + 1)
        n_threads = MAX_WORKERS + 1;
    if (n_threads > n_tasks)
        n_threads = (int)n_tasks;
    if (n_threads <= 1 || inside_task || pthread_mutex_trylock(&busy) != 0) {
        run_inline(task, context, n_tasks);
        return;
    }
    pthread_once(&fork_once, watch_fork);
    start_workers(n_threads - 1);
    region.task = task;
    region.context = context;
    region.n_tasks = n_tasks;
    region.n_threads = n_threads;
    atomic_store(&region.next, 0);
    atomic_store(&region.gate, REGION_OPEN);
    pthread_mutex_lock(&sleep_lock);
    atomic_fetch_add(&region.generation, 1);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&sleep_lock);

    take_tasks(0);
    atomic_fetch_and(&region.gate, ~REGION_OPEN);
    for (int spins = 0; atomic_load(&region.gate) != 0; spins++)
        if (spins > 1000)
            sched_yield();
    pthread_mutex_unlock(&busy);
}

#endif
