/* Applying trees: to bins by partition, to raw values by walking. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum { APPLY_ROWS = 16384, BLOCKS_PER_TASK = 8 };

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

/* Partition by a set of codes; the kernel for thresholds is the tier's. */
static int64_t split_subset(const uint8_t *column, int32_t *rows, int64_t n,
                            const uint64_t *subset, int missing_left, int32_t *right)
{
    int64_t n_left = 0, n_right = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t row = rows[i];
        uint8_t bin = column[row];
        int left = bin == BL_MISSING ? missing_left : bl_in_subset(subset, bin);
        rows[n_left] = row;
        right[n_right] = row;
        n_left += left;
        n_right += !left;
    }
    return n_left;
}

static int64_t split_rows(const bl_tree *tree, int64_t node, const bl_bins *bins,
                          int32_t *rows, int64_t n, int32_t *right)
{
    const uint8_t *column = bins->columns + tree->feature[node] * bins->n_rows;
    int missing_left = tree->missing_left[node];
    if (tree->subset && tree->subset[node] >= 0)
        return split_subset(column, rows, n, tree->subsets + 4 * tree->subset[node],
                            missing_left, right);
    return bl_cpu()->partition(column, rows, n, tree->bin[node], missing_left, rows,
                               right);
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

/* ---- raw values --------------------------------------------------------------- */

typedef struct {
    const bl_forest *forest;
    const bl_matrix *x;
    double *raw;                   /* predictions, or NULL */
    int32_t *ids;                  /* leaves, or NULL */
    char *scratch;
    int64_t stride;
} walk_job;

/* Copy rows first .. first + n - 1 to `out`, row-major float64. */
static void copy_rows(const bl_matrix *x, int64_t first, int64_t n, double *out)
{
    for (int64_t j = 0; j < x->n_features; j++) {
        const char *at = x->data + first * x->row_stride + j * x->feature_stride;
        double *to = out + j;
        if (x->dtype == BL_FLOAT32)
            for (int64_t i = 0; i < n; i++, at += x->row_stride) {
                float value;
                memcpy(&value, at, sizeof value);
                to[i * x->n_features] = (double)value;
            }
        else
            for (int64_t i = 0; i < n; i++, at += x->row_stride)
                memcpy(to + i * x->n_features, at, sizeof *to);
    }
}

/* Add the values of the leaves `at` of one tree to n rows of raw. */
static void add_leaves(const bl_forest *forest, int64_t tree, const int32_t *at,
                       int64_t n, int64_t n_rows, double *raw)
{
    int64_t width = forest->widths[tree];
    const double *values = forest->values + forest->value_starts[tree];
    raw += forest->outputs[tree] * n_rows;
    for (int64_t k = 0; k < width; k++, values++, raw += n_rows)
        for (int64_t i = 0; i < n; i++)
            raw[i] += values[at[i] * width];
}

static void walk_rows(const walk_job *job, int64_t first, int64_t n, const double *x)
{
    const bl_forest *forest = job->forest;
    const bl_kernels *kernels = bl_cpu();
    int64_t n_rows = job->x->n_rows;
    int32_t at[BL_WALK_ROWS];
    for (int64_t t = 0; t < forest->n_trees; t++) {
        int64_t start = forest->starts[t];
        kernels->walk(forest->nodes + start, forest->n_subsets ? forest->subsets : NULL,
                      forest->depths[t], x, job->x->n_features, n, at);
        if (job->raw)
            add_leaves(forest, t, at, n, n_rows, job->raw + first);
        else
            memcpy(job->ids + t * n_rows + first, at, (size_t)n * sizeof *at);
    }
}

static void walk_task(void *context, int64_t task, int thread)
{
    walk_job *job = context;
    double *x = (double *)(job->scratch + thread * job->stride);
    int64_t n_rows = job->x->n_rows;
    for (int64_t block = 0; block < BLOCKS_PER_TASK; block++) {
        int64_t first = (task * BLOCKS_PER_TASK + block) * BL_WALK_ROWS;
        int64_t n = n_rows - first < BL_WALK_ROWS ? n_rows - first : BL_WALK_ROWS;
        if (n <= 0)
            break;
        copy_rows(job->x, first, n, x);
        walk_rows(job, first, n, x);
    }
}

static int walk(const bl_forest *forest, const bl_matrix *x, double *raw, int32_t *ids,
                int n_threads)
{
    walk_job job = {.forest = forest, .x = x, .raw = raw, .ids = ids};
    int64_t n_tasks = ceiling(x->n_rows, BL_WALK_ROWS * BLOCKS_PER_TASK);
    n_threads = n_threads < 1 ? 1 : n_threads > 256 ? 256 : n_threads;
    n_threads = n_tasks < n_threads ? (int)n_tasks : n_threads;
    job.stride = BL_WALK_ROWS * x->n_features * (int64_t)sizeof(double);
    job.scratch = malloc((size_t)(job.stride * (n_threads ? n_threads : 1)));
    if (!job.scratch)
        return BL_NO_MEMORY;
    bl_parallel_for(walk_task, &job, n_tasks, n_threads);
    free(job.scratch);
    return BL_OK;
}

int bl_predict(const bl_forest *forest, const bl_matrix *x, double *raw, int n_threads)
{
    return walk(forest, x, raw, NULL, n_threads);
}

int bl_apply(const bl_forest *forest, const bl_matrix *x, int32_t *ids, int n_threads)
{
    return walk(forest, x, NULL, ids, n_threads);
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
