/* Derivatives and losses of all rows: blocks of rows over the thread pool. */
#include "kernels.h"

/* Blocks of one task: enough work to be worth handing out. */
enum { TASK_BLOCKS = 16 };

typedef struct {
    const double *y, *raw, *weight;
    int64_t n, n_outputs;
    double param;
    bl_derivatives_kernel derivatives;
    bl_loss_terms_kernel loss_terms;
    double *gradient, *hessian, *terms;
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

static void write_terms(const job *job, int64_t block)
{
    int64_t first = block * BL_SUM_BLOCK;
    int64_t n = smaller(BL_SUM_BLOCK, job->n - first);
    const double *weight = from(job->weight, first);
    double *terms = job->terms + first;
    job->loss_terms(job->y + first, job->raw + first, n, job->n, job->n_outputs,
                    job->param, terms);
    for (int64_t i = 0; weight && i < n; i++)
        terms[i] *= weight[i];
}

static void derive_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * TASK_BLOCKS, n_blocks_of(job->n));
    (void)thread;
    for (int64_t block = task * TASK_BLOCKS; block < last; block++)
        derive_block(job, block);
}

static void terms_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * TASK_BLOCKS, n_blocks_of(job->n));
    (void)thread;
    for (int64_t block = task * TASK_BLOCKS; block < last; block++)
        write_terms(job, block);
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

void bl_loss_terms(bl_loss loss, const double *y, const double *raw,
                   const double *weight, int64_t n, int64_t n_outputs, double param,
                   double *terms, int n_threads)
{
    job job = {
        .y = y, .raw = raw, .weight = weight, .n = n, .n_outputs = n_outputs,
        .param = param, .loss_terms = bl_cpu()->loss_terms[loss], .terms = terms,
    };
    bl_parallel_for(terms_task, &job, n_tasks_of(n), n_threads);
}
