/* Derivatives and losses of all rows: blocks of rows over the thread pool.
 *
 * A loss is summed block by block, and the block sums in the order of the blocks, so
 * that it does not depend on the number of threads.
 */
#include "kernels.h"

#include <stdlib.h>

/* Blocks of one task: enough work to be worth handing out. */
enum { TASK_BLOCKS = 16 };

typedef struct {
    const double *y, *raw, *weight;
    int64_t n, n_outputs;
    double param;
    bl_derivatives_kernel derivatives;
    bl_loss_terms_kernel loss_terms;
    double *gradient, *hessian;
    double *sums;              /* one a block */
} job;

static int64_t n_blocks_of(int64_t n)
{
    return (n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
}

static int64_t n_tasks_of(int64_t n)
{
    return (n_blocks_of(n) + TASK_BLOCKS - 1) / TASK_BLOCKS;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static const double *from(const double *values, int64_t row)
{
    return values ? values + row : NULL;
}

static void derive_block(const job *job, int64_t block)
{
    int64_t first = block * BL_SUM_BLOCK;
    int64_t n = smaller(BL_SUM_BLOCK, job->n - first);
    job->derivatives(job->y + first, job->raw + first, from(job->weight, first), n,
                     job->n, job->n_outputs, job->param, job->gradient + first,
                     job->hessian ? job->hessian + first : NULL);
}

/* Eight partial sums, row i in the (i mod 8)-th, whatever the vector width. */
static double sum_block(const job *job, int64_t block)
{
    double terms[BL_SUM_BLOCK], partial[8] = {0};
    int64_t first = block * BL_SUM_BLOCK;
    int64_t n = smaller(BL_SUM_BLOCK, job->n - first);
    const double *weight = from(job->weight, first);
    job->loss_terms(job->y + first, job->raw + first, n, job->n, job->n_outputs,
                    job->param, terms);
    for (int64_t i = 0; weight && i < n; i++)
        terms[i] *= weight[i];
    for (int64_t i = n; i < BL_SUM_BLOCK && i % 8 != 0; i++)
        terms[i] = 0.0;
    for (int64_t i = 0; i < n; i += 8)
        for (int64_t j = 0; j < 8; j++)
            partial[j] += terms[i + j];
    return ((partial[0] + partial[4]) + (partial[2] + partial[6]))
        + ((partial[1] + partial[5]) + (partial[3] + partial[7]));
}

static void derive_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * TASK_BLOCKS, n_blocks_of(job->n));
    (void)thread;
    for (int64_t block = task * TASK_BLOCKS; block < last; block++)
        derive_block(job, block);
}

static void sum_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * TASK_BLOCKS, n_blocks_of(job->n));
    (void)thread;
    for (int64_t block = task * TASK_BLOCKS; block < last; block++)
        job->sums[block] = sum_block(job, block);
}

void bl_derivatives(bl_loss loss, const double *y, const double *raw,
                    const double *weight, int64_t n, int64_t n_outputs, double param,
                    double *gradient, double *hessian, int n_threads)
{
    job job = {
        .y = y, .raw = raw, .weight = weight, .n = n, .n_outputs = n_outputs,
        .param = param, .derivatives = bl_cpu()->derivatives[loss],
        .gradient = gradient, .hessian = hessian,
    };
    bl_parallel_for(derive_task, &job, n_tasks_of(n), n_threads);
}

double bl_loss_sum(bl_loss loss, const double *y, const double *raw,
                   const double *weight, int64_t n, int64_t n_outputs, double param,
                   int n_threads)
{
    job job = {
        .y = y, .raw = raw, .weight = weight, .n = n, .n_outputs = n_outputs,
        .param = param, .loss_terms = bl_cpu()->loss_terms[loss],
    };
    int64_t n_blocks = n_blocks_of(n);
    double sum = 0.0;
    if (n_blocks > TASK_BLOCKS && n_threads > 1)
        job.sums = malloc((size_t)n_blocks * sizeof *job.sums);
    if (job.sums)
        bl_parallel_for(sum_task, &job, n_tasks_of(n), n_threads);
    for (int64_t block = 0; block < n_blocks; block++)
        sum += job.sums ? job.sums[block] : sum_block(&job, block);
    free(job.sums);
    return sum;
}
