/* Applying one tree to binned rows, and adding cells to raw predictions. */
#include "sides.h"

#include <stdlib.h>
#include <string.h>

enum { APPLY_ROWS = 16384 };

static int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- binned rows -------------------------------------------------------------- */

typedef struct {
    const bl_tree *tree;
    const bl_bins *bins;
    int32_t *ids;
    char *scratch;
    int64_t stride;
} bins_job;

static int64_t split_rows(const bl_tree *tree, int64_t node, const bl_bins *bins,
                          int32_t *rows, int64_t n, int32_t *right)
{
    bl_cut cut = {.feature = tree->feature[node], .bin = tree->bin[node],
                  .missing_left = tree->missing_left[node]};
    if (tree->subset && tree->subset[node] >= 0)
        cut.subset = tree->subsets + 4 * tree->subset[node];
    return bl_cut_rows(bins, &cut, rows, n, rows, right);
}

/* Carry a block of rows down the whole tree: children come after their parents. */
static void apply_bins_task(void *context, int64_t task, int thread)
{
    bins_job *job = context;
    const bl_tree *tree = job->tree;
    int64_t n_rows = job->bins->n_rows, first = task * APPLY_ROWS;
    int64_t n = n_rows - first < APPLY_ROWS ? n_rows - first : APPLY_ROWS;
    int32_t *order = (int32_t *)(job->scratch + thread * job->stride);
    int32_t *right = order + APPLY_ROWS, *begin = right + APPLY_ROWS;
    int32_t *end = begin + tree->n_nodes;
    for (int32_t i = 0; i < n; i++)
        order[i] = (int32_t)first + i;
    begin[0] = 0;
    end[0] = (int32_t)n;
    for (int64_t node = 0; node < tree->n_nodes; node++) {
        int32_t *rows = order + begin[node], left = tree->left[node];
        int64_t count = end[node] - begin[node], n_left = 0;
        if (left < 0) {
            for (int64_t i = 0; i < count; i++)
                job->ids[rows[i]] = (int32_t)node;
            continue;
        }
        if (count > 0) {
            n_left = split_rows(tree, node, job->bins, rows, count, right);
            memcpy(rows + n_left, right, (size_t)(count - n_left) * sizeof *right);
        }
        begin[left] = begin[node];
        end[left] = begin[left + 1] = begin[node] + (int32_t)n_left;
        end[left + 1] = end[node];
    }
}

int bl_apply_bins(const bl_tree *tree, const bl_bins *bins, int32_t *ids,
                  int n_threads)
{
    bins_job job = {.tree = tree, .bins = bins, .ids = ids};
    int64_t n_tasks = ceiling(bins->n_rows, APPLY_ROWS);
    n_threads = n_threads < 1 ? 1 : n_threads > 256 ? 256 : n_threads;
    n_threads = n_tasks < n_threads ? (int)n_tasks : n_threads;
    job.stride = (2 * APPLY_ROWS + 2 * tree->n_nodes) * (int64_t)sizeof(int32_t);
    job.scratch = malloc((size_t)(job.stride * (n_threads ? n_threads : 1)));
    if (!job.scratch)
        return BL_NO_MEMORY;
    bl_parallel_for(apply_bins_task, &job, n_tasks, n_threads);
    free(job.scratch);
    return BL_OK;
}

/* ---- cells -------------------------------------------------------------------- */

typedef struct {
    double *raw;
    const int32_t *ids;
    const double *values;
    int64_t n;
} cells_job;

static void add_cells_task(void *context, int64_t task, int thread)
{
    cells_job *job = context;
    int64_t first = task * APPLY_ROWS, last = first + APPLY_ROWS;
    (void)thread;
    last = last < job->n ? last : job->n;
    for (int64_t i = first; i < last; i++)
        job->raw[i] += job->values[job->ids[i]];
}

void bl_add_cells(double *raw, const int32_t *ids, const double *values, int64_t n,
                  int n_threads)
{
    cells_job job = {raw, ids, values, n};
    bl_parallel_for(add_cells_task, &job, ceiling(n, APPLY_ROWS), n_threads);
}
