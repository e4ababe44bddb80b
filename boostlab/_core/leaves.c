/* Leaf values, from sums of the unquantised derivatives that depend on no order. */
#include "grower.h"

#include <string.h>

enum {
    PIECE_ROWS = 4096,             /* of the table: its derivatives stay in cache */
    PIECES = 8                     /* consecutive pieces of one task */
};

typedef struct {
    bl_grower *s;
    const int32_t *leaves;         /* node ids, ascending */
    int64_t n_leaves;
    int n_sums;                    /* a leaf: G of each output, then what divides it */
    double g_scale, h_scale;
    int32_t *ids;
} leaf_job;

/* The first position in [begin, end) of `order` whose row is at least `row`. */
static int64_t first_from(const int32_t *order, int64_t begin, int64_t end, int64_t row)
{
    while (begin < end) {
        int64_t middle = begin + (end - begin) / 2;
        if (order[middle] < row)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Add what `n` rows of one leaf have. */
static void sum_rows(const leaf_job *job, const int32_t *rows, int64_t n, bl_exact *sums)
{
    const bl_grower *s = job->s;
    const bl_target *target = s->target;
    for (int64_t k = 0; k < target->n_outputs; k++) {
        s->kernels->exact_sum(target->gradient + k * s->bins->n_rows, rows, n,
                              job->g_scale, sums + k);
        if (target->hessian)
            s->kernels->exact_sum(target->hessian + k * s->bins->n_rows, rows, n,
                                  job->h_scale, sums + target->n_outputs + k);
    }
    if (!target->hessian && target->weight)
        s->kernels->exact_sum(target->weight, rows, n, job->h_scale,
                              sums + target->n_outputs);
    else if (!target->hessian)
        sums[target->n_outputs].high += n;
}

/* What every leaf has in some consecutive pieces of the table, piece by piece. */
static void leaf_task(void *context, int64_t task, int thread)
{
    leaf_job *job = context;
    bl_grower *s = job->s;
    bl_exact *sums = s->sums + thread * job->n_leaves * job->n_sums;
    int64_t *cursors = s->cursors + thread * job->n_leaves;
    int64_t first = task * PIECE_ROWS * PIECES, end = first + PIECE_ROWS * PIECES;
    for (int64_t l = 0; l < job->n_leaves; l++) {
        const bl_node_state *leaf = s->nodes + job->leaves[l];
        cursors[l] = first_from(s->order, leaf->begin, leaf->end, first);
    }
    for (int64_t edge = first + PIECE_ROWS; edge <= end; edge += PIECE_ROWS)
        for (int64_t l = 0; l < job->n_leaves; l++) {
            int64_t at = cursors[l], stop = at;
            int64_t leaf_end = s->nodes[job->leaves[l]].end;
            while (stop < leaf_end && s->order[stop] < edge)
                job->ids[s->order[stop++]] = job->leaves[l];
            if (stop > at)
                sum_rows(job, s->order + at, stop - at, sums + l * job->n_sums);
            cursors[l] = stop;
        }
}

double bl_exact_real(bl_exact sum, double scale)
{
    return ((double)sum.high + (double)sum.low * 0x1p-35) / scale;
}

static void write_values(const leaf_job *job, bl_tree *tree)
{
    const bl_grower *s = job->s;
    int64_t n_outputs = s->target->n_outputs;
    int own = s->target->hessian != NULL;    /* a divisor for each output */
    for (int64_t l = 0; l < job->n_leaves; l++) {
        const bl_exact *sums = s->sums + l * job->n_sums;
        double *value = tree->value + job->leaves[l] * n_outputs;
        for (int64_t k = 0; k < n_outputs; k++) {
            double g = bl_exact_real(sums[k], job->g_scale);
            double h = bl_exact_real(sums[n_outputs + (own ? k : 0)], job->h_scale);
            double divisor = h + s->params->l2;
            if (s->rules)
                value[k] = bl_rule_leaf(s, job->leaves[l], k, g, divisor);
            else
                value[k] = divisor > 0 ? -g / divisor : 0.0;
        }
    }
}

int bl_fit_leaves(bl_grower *s, bl_tree *tree, int32_t *ids)
{
    int32_t *leaves = s->heap;     /* growth is over: the heap is free */
    int64_t n_leaves = 0, k = s->target->n_outputs;
    for (int32_t id = 0; id < tree->n_nodes; id++)
        if (tree->left[id] < 0)
            leaves[n_leaves++] = id;
    leaf_job job = {.s = s, .leaves = leaves, .n_leaves = n_leaves, .ids = ids,
                    .n_sums = (int)(s->target->hessian ? 2 * k : k + 1),
                    .g_scale = bl_scale_for(s->extent.max_g, BL_EXACT_BITS),
                    .h_scale = 1.0};
    if (s->target->hessian)
        job.h_scale = bl_scale_for(s->extent.max_h, BL_EXACT_BITS);
    else if (s->target->weight)
        job.h_scale = bl_scale_for(s->extent.max_w, BL_EXACT_BITS);
    int64_t n_sums = n_leaves * job.n_sums;
    memset(s->sums, 0, (size_t)(n_sums * s->n_threads) * sizeof *s->sums);
    bl_parallel_for(leaf_task, &job,
                    (s->bins->n_rows + PIECE_ROWS * PIECES - 1) / (PIECE_ROWS * PIECES),
                    s->n_threads);
    for (int t = 1; t < s->n_threads; t++)
        for (int64_t i = 0; i < n_sums; i++) {
            s->sums[i].high += s->sums[t * n_sums + i].high;
            s->sums[i].low += s->sums[t * n_sums + i].low;
        }
    bl_reduce(s, (int64_t *)s->sums, 2 * n_sums, BL_REDUCE_SUM);
    write_values(&job, tree);
    return s->failed;
}
