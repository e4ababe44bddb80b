/* Scores of distributions and natural gradients: blocks of rows over the thread pool. */
#include "kernels.h"

/* Blocks of one task: enough work to be worth handing out. */
enum { TASK_BLOCKS = 8 };

typedef struct {
    const bl_scored *rows;
    const bl_score_kernels *kernels;
    const double *step, *longest;
    double size;
    double *out;
} job;

static int64_t n_blocks_of(int64_t n)
{
    return (n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The block's rows, `raw` receiving their parameters one block of them after another. */
static int64_t place_block(const job *job, int64_t first, double *raw)
{
    const bl_scored *rows = job->rows;
    int64_t n = smaller(BL_SUM_BLOCK, rows->n - first);
    for (int64_t k = 0; k < job->kernels->n_parameters; k++) {
        int64_t at = k * rows->n + first;
        bl_cpu()->place(rows->raw + at, job->step ? job->step + at : NULL, job->size,
                        rows->low[k], rows->high[k], n, raw + k * BL_SUM_BLOCK);
    }
    return n;
}

static void score_block(const job *job, int64_t first)
{
    double raw[BL_MOST_PARAMETERS * BL_SUM_BLOCK];
    const double *weight = job->rows->weight;
    double *terms = job->out + first;
    int64_t n = place_block(job, first, raw);
    job->kernels->terms(job->rows->y + first, raw, BL_SUM_BLOCK, n, terms);
    for (int64_t i = 0; weight && i < n; i++)
        terms[i] *= weight[first + i];
}

static void natural_block(const job *job, int64_t first)
{
    double raw[BL_MOST_PARAMETERS * BL_SUM_BLOCK];
    double natural[BL_MOST_PARAMETERS * BL_SUM_BLOCK];
    const double *weight = job->rows->weight;
    int64_t n = place_block(job, first, raw);
    job->kernels->natural(job->rows->y + first, raw, BL_SUM_BLOCK, n, natural);
    for (int64_t k = 0; k < job->kernels->n_parameters; k++)
        bl_cpu()->bound(natural + k * BL_SUM_BLOCK, job->longest[k],
                        weight ? weight + first : NULL, n,
                        job->out + k * job->rows->n + first);
}

static void score_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * TASK_BLOCKS, n_blocks_of(job->rows->n));
    (void)thread;
    for (int64_t block = task * TASK_BLOCKS; block < last; block++)
        score_block(job, block * BL_SUM_BLOCK);
}

static void natural_task(void *context, int64_t task, int thread)
{
    const job *job = context;
    int64_t last = smaller((task + 1) * TASK_BLOCKS, n_blocks_of(job->rows->n));
    (void)thread;
    for (int64_t block = task * TASK_BLOCKS; block < last; block++)
        natural_block(job, block * BL_SUM_BLOCK);
}

static int64_t n_tasks_of(int64_t n)
{
    return (n_blocks_of(n) + TASK_BLOCKS - 1) / TASK_BLOCKS;
}

int64_t bl_score_parameters(bl_score score)
{
    return bl_cpu()->scores[score].n_parameters;
}

void bl_natural_gradient(bl_score score, const bl_scored *rows, const double *longest,
                         double *natural, int n_threads)
{
    job job = {.rows = rows, .kernels = bl_cpu()->scores + score, .longest = longest,
               .out = natural};
    bl_parallel_for(natural_task, &job, n_tasks_of(rows->n), n_threads);
}

void bl_score_terms(bl_score score, const bl_scored *rows, const double *step,
                    double size, double *terms, int n_threads)
{
    job job = {.rows = rows, .kernels = bl_cpu()->scores + score, .step = step,
               .size = size, .out = terms};
    bl_parallel_for(score_task, &job, n_tasks_of(rows->n), n_threads);
}
