/* Sums over the cells of a partition that depend on no order of the rows. */
#include <math.h>
#include <stdlib.h>

#include "kernels.h"

enum { CHUNK_ROWS = 65536 };

typedef struct {
    const bl_cell_values *in;
    int64_t chunk_rows, n_chunks;
    double *greatest;              /* absolute value of each chunk, later scale of each column */
    bl_exact *sums;                /* of each column, chunk and cell */
} sums_job;

static double value_at(const bl_cell_values *in, int64_t column, int64_t i)
{
    return in->values[column * in->n_rows + (in->rows ? in->rows[i] : i)];
}

static int64_t chunk_end(const sums_job *job, int64_t chunk)
{
    int64_t end = (chunk + 1) * job->chunk_rows;
    return end < job->in->n_sampled ? end : job->in->n_sampled;
}

static void greatest_task(void *context, int64_t task, int thread)
{
    const sums_job *job = context;
    int64_t column = task / job->n_chunks, chunk = task % job->n_chunks;
    double greatest = 0.0;
    (void)thread;
    for (int64_t i = chunk * job->chunk_rows; i < chunk_end(job, chunk); i++) {
        double size = fabs(value_at(job->in, column, i));
        greatest = size <= greatest ? greatest : size;    /* NaN stays */
    }
    job->greatest[task] = greatest;
}

/* As the leaves of trees are summed: the nearest integer, and 35 bits of the rest. */
static void sums_task(void *context, int64_t task, int thread)
{
    const double rounder = 0x1.8p52;
    const sums_job *job = context;
    const bl_cell_values *in = job->in;
    int64_t column = task / job->n_chunks, chunk = task % job->n_chunks;
    double scale = job->greatest[column * job->n_chunks];
    bl_exact *sums = job->sums + task * in->n_cells;
    (void)thread;
    for (int64_t i = chunk * job->chunk_rows; i < chunk_end(job, chunk); i++) {
        bl_exact *sum = sums + in->ids[in->rows ? in->rows[i] : i];
        double scaled = value_at(in, column, i) * scale;
        double nearest = (scaled + rounder) - rounder;
        sum->high += (int64_t)nearest;
        sum->low += (int64_t)((scaled - nearest) * 0x1p35 + rounder - rounder);
    }
}

static int choose_scales(sums_job *job)
{
    for (int64_t k = 0; k < job->in->n_columns; k++) {
        double *own = job->greatest + k * job->n_chunks, greatest = 0.0;
        for (int64_t c = 0; c < job->n_chunks; c++)
            greatest = own[c] <= greatest ? greatest : own[c];
        if (!isfinite(greatest))
            return BL_NOT_FINITE;
        own[0] = bl_scale_for(greatest, BL_EXACT_BITS);
    }
    return BL_OK;
}

static void write_sums(const sums_job *job, double *out)
{
    const bl_cell_values *in = job->in;
    for (int64_t k = 0; k < in->n_columns; k++) {
        bl_exact *own = job->sums + k * job->n_chunks * in->n_cells;
        double scale = job->greatest[k * job->n_chunks];
        for (int64_t cell = 0; cell < in->n_cells; cell++) {
            bl_exact sum = {0, 0};
            for (int64_t c = 0; c < job->n_chunks; c++) {
                sum.high += own[c * in->n_cells + cell].high;
                sum.low += own[c * in->n_cells + cell].low;
            }
            out[cell * in->n_columns + k] =
                ((double)sum.high + (double)sum.low * 0x1p-35) / scale;
        }
    }
}

int bl_cell_sums(const bl_cell_values *in, double *out, int n_threads)
{
    sums_job job = {.in = in, .n_chunks = 1, .chunk_rows = in->n_sampled};
    if (in->n_columns < 2 * n_threads && in->n_sampled > CHUNK_ROWS) {
        int64_t most = 4 * (int64_t)n_threads;
        job.n_chunks = (in->n_sampled + CHUNK_ROWS - 1) / CHUNK_ROWS;
        job.n_chunks = job.n_chunks < most ? job.n_chunks : most;
        job.chunk_rows = (in->n_sampled + job.n_chunks - 1) / job.n_chunks;
    }
    int64_t n_tasks = in->n_columns * job.n_chunks;
    job.greatest = malloc((size_t)n_tasks * sizeof *job.greatest);
    job.sums = calloc((size_t)n_tasks * (size_t)in->n_cells, sizeof *job.sums);
    int status = job.greatest && job.sums ? BL_OK : BL_NO_MEMORY;
    if (status == BL_OK) {
        bl_parallel_for(greatest_task, &job, n_tasks, n_threads);
        status = choose_scales(&job);
    }
    if (status == BL_OK) {
        bl_parallel_for(sums_task, &job, n_tasks, n_threads);
        write_sums(&job, out);
    }
    free(job.greatest);
    free(job.sums);
    return status;
}
