/* Sums of doubles that depend on no order, no number of threads, no parts of the rows. */
#include "kernels.h"
#include "quantize_kernels.h"

#include <math.h>

/* Values of one task; threads that have a place for what they find. */
enum { TASK_VALUES = 1 << 14, MOST_THREADS = 64 };

typedef struct {
    const double *values;
    int64_t n;
    double scale;
    double greatest[MOST_THREADS];
    bl_exact sums[MOST_THREADS];
} job;

static int64_t values_of(const job *job, int64_t task)
{
    int64_t left = job->n - task * TASK_VALUES;
    return left < TASK_VALUES ? left : TASK_VALUES;
}

static void greatest_task(void *context, int64_t task, int thread)
{
    job *job = context;
    const double *values = job->values + task * TASK_VALUES;
    int64_t n = values_of(job, task);
    double greatest[8] = {0}, own = job->greatest[thread];
    int64_t is_nan[8] = {0}, any_nan = 0, whole = n - n % 8;
    for (int64_t start = 0; start < whole; start += 8)
        for (int64_t j = 0; j < 8; j++) {
            double size = fabs(values[start + j]);
            is_nan[j] |= size != size;
            greatest[j] = size > greatest[j] ? size : greatest[j];
        }
    for (int64_t i = whole; i < n; i++) {
        double size = fabs(values[i]);
        any_nan |= size != size;
        own = size > own ? size : own;
    }
    for (int j = 0; j < 8; j++) {
        own = greatest[j] > own ? greatest[j] : own;
        any_nan |= is_nan[j];
    }
    /* NaN that an earlier task found stays. */
    job->greatest[thread] = any_nan || own != own ? NAN : own;
}

static void sum_task(void *context, int64_t task, int thread)
{
    job *job = context;
    bl_cpu()->exact_sum(job->values + task * TASK_VALUES, NULL, values_of(job, task),
                        job->scale, job->sums + thread);
}

static void run(bl_task task, job *job, int n_threads)
{
    bl_parallel_for(task, job, (job->n + TASK_VALUES - 1) / TASK_VALUES,
                    n_threads < MOST_THREADS ? n_threads : MOST_THREADS);
}

double bl_greatest(const double *values, int64_t n, int n_threads)
{
    job job = {.values = values, .n = n};
    double greatest = 0.0;
    run(greatest_task, &job, n_threads);
    for (int t = 0; t < MOST_THREADS && greatest == greatest; t++)
        if (!(job.greatest[t] <= greatest))    /* NaN is greater than any */
            greatest = job.greatest[t];
    return greatest;
}

void bl_exact_total(const double *values, int64_t n, double scale, int64_t *sum,
                    int n_threads)
{
    job job = {.values = values, .n = n, .scale = scale};
    run(sum_task, &job, n_threads);
    for (int t = 0; t < MOST_THREADS; t++) {
        sum[0] += job.sums[t].high;
        sum[1] += job.sums[t].low;
    }
}

/* The sum where some values are infinite or NaN. */
static double total_not_finite(const double *values, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += isfinite(values[i]) ? 0.0 : values[i];
    return sum;
}

/* Values so small that no power of two in range scales them; no hurry. */
static void total_of_tiny(const double *values, int64_t n, int shift, double scale,
                          int64_t *sum)
{
    for (int64_t i = 0; i < n; i++) {
        double value = ldexp(values[i], shift);
        bl_exact one = {0, 0};
        bl_exact_sum(&value, NULL, 1, scale, &one);
        sum[0] += one.high;
        sum[1] += one.low;
    }
}

double bl_total(const double *values, int64_t n, int n_threads)
{
    double greatest = bl_greatest(values, n, n_threads);
    int64_t sum[2] = {0, 0};
    int exponent;
    if (!isfinite(greatest))
        return total_not_finite(values, n);
    if (greatest == 0.0)
        return 0.0;
    frexp(greatest, &exponent);
    exponent = BL_EXACT_BITS - exponent;
    int within = exponent < 1000 ? exponent : 1000;    /* 2^within is a double */
    if (within < exponent)
        total_of_tiny(values, n, exponent - within, ldexp(1.0, within), sum);
    else
        bl_exact_total(values, n, ldexp(1.0, within), sum, n_threads);
    return ldexp((double)sum[0] + ldexp((double)sum[1], -BL_EXACT_BITS), -exponent);
}

void bl_exact_sums(const double *values, const int64_t *groups, int64_t n, double scale,
                   int64_t *sums)
{
    for (int64_t i = 0; i < n; i++) {
        double scaled = values[i] * scale;
        double nearest = (scaled + BL_ROUNDER) - BL_ROUNDER;
        sums[2 * groups[i]] += bl_nearest(scaled);
        sums[2 * groups[i] + 1] += bl_nearest((scaled - nearest) * 0x1p35);
    }
}
