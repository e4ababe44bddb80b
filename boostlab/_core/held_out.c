/* Testing the splits of a grown tree on rows that had no part in growing it. A split
 * stays if, with those below it, it serves these rows better than a leaf in its place.
 * As the best of many subtrees serves them by chance, too, the tree is also cut by each
 * half of these rows and judged by the other: if that is no gain, nothing stays.
 * boostlab_core.h says how it is measured. */
#include "grower.h"

#include <string.h>

typedef struct {
    bl_grower *s;
    const int32_t *ids;            /* leaf of every row */
    int64_t n_leaves;
    int half;                      /* of the held-out rows, that is summed */
    int n_sums;                    /* of a leaf or node: G of each output, what divides it */
    double g_scale, h_scale;
} test_job;

int64_t bl_test_nodes(const bl_grower *s, int64_t capacity)
{
    return s->target->tests ? capacity : 0;
}

/* Fold one half of the held-out rows into an extent. */
static void add_extent(const bl_grower *s, int half, bl_extent *extent)
{
    const bl_target *target = s->target;
    for (int64_t first = 0; first < target->n_held[half]; first += BL_SUM_BLOCK) {
        int64_t n = target->n_held[half] - first;
        for (int64_t k = 0; k < target->n_outputs; k++) {
            int64_t at = k * s->bins->n_rows;
            s->kernels->extent(target->gradient + at,
                               target->hessian ? target->hessian + at : NULL,
                               target->weight, target->held[half] + first,
                               n < BL_SUM_BLOCK ? n : BL_SUM_BLOCK, extent);
        }
    }
}

/* The greatest derivatives of all held-out rows; a status. */
static int held_extent(bl_grower *s, bl_extent *extent)
{
    int64_t greatest[5];
    *extent = (bl_extent){0};
    add_extent(s, 0, extent);
    add_extent(s, 1, extent);
    /* Doubles of at least 0 are in the order of their bits. */
    memcpy(greatest, &extent->max_g, sizeof *greatest);
    memcpy(greatest + 1, &extent->max_h, sizeof *greatest);
    memcpy(greatest + 2, &extent->max_w, sizeof *greatest);
    greatest[3] = extent->not_finite;
    greatest[4] = extent->negative;
    bl_reduce(s, greatest, 5, BL_REDUCE_MAX);
    memcpy(&extent->max_g, greatest, sizeof *greatest);
    memcpy(&extent->max_h, greatest + 1, sizeof *greatest);
    memcpy(&extent->max_w, greatest + 2, sizeof *greatest);
    return s->failed ? s->failed
        : greatest[3] ? BL_NOT_FINITE : greatest[4] ? BL_NEGATIVE : BL_OK;
}

/* Add what `n` rows of one leaf have. */
static void sum_rows(const test_job *job, const int32_t *rows, int64_t n, bl_exact *sums)
{
    const bl_grower *s = job->s;
    const bl_target *target = s->target;
    int64_t n_outputs = target->n_outputs;
    for (int64_t k = 0; k < n_outputs; k++) {
        int64_t at = k * s->bins->n_rows;
        s->kernels->exact_sum(target->gradient + at, rows, n, job->g_scale, sums + k);
        if (target->hessian)
            s->kernels->exact_sum(target->hessian + at, rows, n, job->h_scale,
                                  sums + n_outputs + k);
    }
    if (!target->hessian && target->weight)
        s->kernels->exact_sum(target->weight, rows, n, job->h_scale, sums + n_outputs);
    else if (!target->hessian)
        sums[n_outputs].high += n;
}

/* What every leaf has of some held-out rows, which are first sorted by leaf. */
static void test_task(void *context, int64_t task, int thread)
{
    test_job *job = context;
    bl_grower *s = job->s;
    const int32_t *rows = s->target->held[job->half] + task * BL_TASK_ROWS;
    int64_t n = s->target->n_held[job->half] - task * BL_TASK_ROWS, begin = 0;
    int32_t *sorted = (int32_t *)bl_thread_words(s, thread);
    int64_t *ends = s->cursors + thread * job->n_leaves;
    bl_exact *sums = s->sums + thread * job->n_leaves * job->n_sums;
    n = n < BL_TASK_ROWS ? n : BL_TASK_ROWS;
    memset(ends, 0, (size_t)job->n_leaves * sizeof *ends);
    for (int64_t i = 0; i < n; i++)
        ends[s->tested[job->ids[rows[i]]].id]++;
    for (int64_t l = 0; l < job->n_leaves; l++) {
        begin += ends[l];
        ends[l] = begin - ends[l];
    }
    for (int64_t i = 0; i < n; i++)
        sorted[ends[s->tested[job->ids[rows[i]]].id]++] = rows[i];
    for (int64_t l = 0; l < job->n_leaves; l++) {
        begin = l ? ends[l - 1] : 0;
        if (ends[l] > begin)
            sum_rows(job, sorted + begin, ends[l] - begin, sums + l * job->n_sums);
    }
}

/* The sums of a node's rows of one half. */
static bl_exact *sums_of(const test_job *job, const bl_tree *tree, int half, int64_t id)
{
    return job->s->held_sums + (half * tree->capacity + id) * job->n_sums;
}

/* The sums of one half of the held-out rows, of every leaf and then of every node. */
static void sum_nodes(test_job *job, const bl_tree *tree)
{
    bl_grower *s = job->s;
    int64_t n_numbers = job->n_leaves * job->n_sums;
    int64_t n_rows = s->target->n_held[job->half];
    memset(s->sums, 0, (size_t)(n_numbers * s->n_threads) * sizeof *s->sums);
    bl_parallel_for(test_task, job, (n_rows + BL_TASK_ROWS - 1) / BL_TASK_ROWS,
                    s->n_threads);
    for (int t = 1; t < s->n_threads; t++)
        for (int64_t i = 0; i < n_numbers; i++) {
            s->sums[i].high += s->sums[t * n_numbers + i].high;
            s->sums[i].low += s->sums[t * n_numbers + i].low;
        }
    bl_reduce(s, (int64_t *)s->sums, 2 * n_numbers, BL_REDUCE_SUM);
    for (int64_t id = tree->n_nodes - 1; id >= 0; id--) {
        bl_exact *sums = sums_of(job, tree, job->half, id);
        for (int i = 0; i < job->n_sums; i++) {
            if (tree->left[id] < 0) {
                sums[i] = s->sums[(int64_t)s->tested[id].id * job->n_sums + i];
            } else {
                const bl_exact *left = sums_of(job, tree, job->half, tree->left[id]);
                sums[i].high = left[i].high + left[job->n_sums + i].high;
                sums[i].low = left[i].low + left[job->n_sums + i].low;
            }
        }
    }
}

/* What a node's rows of one half gain by its value. */
static double own_gain(const test_job *job, const bl_tree *tree, int half, int32_t id)
{
    const bl_grower *s = job->s;
    const bl_exact *sums = sums_of(job, tree, half, id);
    int64_t n_outputs = s->target->n_outputs;
    double gain = 0.0;
    for (int64_t k = 0; k < n_outputs; k++) {
        double g = bl_exact_real(sums[k], job->g_scale);
        double h = bl_exact_real(sums[n_outputs + (s->target->hessian ? k : 0)],
                                 job->h_scale);
        double v = bl_node_value(s, id, (int)k);
        gain -= (2.0 * g + s->target->test_step * h * v) * v;
    }
    return gain;
}

/* Whether a node splits, given what it gains as a leaf, and what those below it gain.
 * A whole tree is held against none at all. */
static int stays(int64_t id, double own, double below)
{
    return below > own && (id || below > 0.0);
}

/* Decide, from the leaves up, which nodes become leaves. */
static void decide(const test_job *job, const bl_tree *tree)
{
    bl_grower *s = job->s;
    for (int64_t id = tree->n_nodes - 1; id >= 0; id--) {
        bl_tested *node = s->tested + id;
        const bl_tested *left, *right;
        double own[2] = {own_gain(job, tree, 0, (int32_t)id),
                         own_gain(job, tree, 1, (int32_t)id)};
        *node = (bl_tested){.gain = own[0] + own[1], .cut = 1};
        for (int half = 0; half < 2; half++) {
            node->by[half] = own[half];
            node->judged[half] = own[1 - half];
        }
        if (tree->left[id] < 0)
            continue;
        left = s->tested + tree->left[id];
        right = left + 1;
        if (stays(id, node->gain, left->gain + right->gain)) {
            node->gain = left->gain + right->gain;
            node->cut = 0;
        }
        for (int half = 0; half < 2; half++) {
            if (stays(id, own[half], left->by[half] + right->by[half])) {
                node->by[half] = left->by[half] + right->by[half];
                node->judged[half] = left->judged[half] + right->judged[half];
            } else if (!id) {
                node->judged[half] = 0.0;
            }
        }
    }
    if (!(s->tested[0].judged[0] + s->tested[0].judged[1] > 0.0))
        s->tested[0].cut = 1;
}

/* Move a node to its new place; where it was cut it is a leaf now. */
static void move_node(bl_grower *s, bl_tree *tree, int64_t from, int64_t to)
{
    int64_t width = s->cell_words, n_rules = bl_rule_numbers(s);
    int cut = s->tested[from].cut;
    s->nodes[to] = s->nodes[from];
    memmove(s->totals + to * width, s->totals + from * width,
            (size_t)width * sizeof *s->totals);
    if (s->rules)
        memmove(s->rules + to * n_rules, s->rules + from * n_rules,
                (size_t)n_rules * sizeof *s->rules);
    tree->weight[to] = tree->weight[from];
    tree->feature[to] = cut ? -1 : tree->feature[from];
    tree->left[to] = cut ? -1 : tree->left[from];
    tree->threshold[to] = cut ? 0.0 : tree->threshold[from];
    tree->gain[to] = cut ? 0.0 : tree->gain[from];
    tree->bin[to] = cut ? 0 : tree->bin[from];
    tree->missing_left[to] = cut ? 0 : tree->missing_left[from];
    if (tree->subset)
        tree->subset[to] = cut ? -1 : tree->subset[from];
}

/* Close the gaps; tested[id].id becomes the node that an old one is in. */
static void close_nodes(bl_grower *s, bl_tree *tree)
{
    int32_t count = 0;
    s->tested[0].kept = 1;
    for (int64_t id = 0; id < tree->n_nodes; id++) {
        bl_tested *node = s->tested + id;
        int32_t left = tree->left[id];
        if (node->kept)
            node->id = count++;
        for (int side = 0; left >= 0 && side < 2; side++)
            s->tested[left + side] = (bl_tested){
                .kept = (uint8_t)(node->kept && !node->cut), .id = node->id,
                .cut = s->tested[left + side].cut};
        if (node->kept)
            move_node(s, tree, id, node->id);
    }
    for (int32_t id = 0; id < count; id++)
        if (tree->left[id] >= 0)
            tree->left[id] = s->tested[tree->left[id]].id;
    tree->n_nodes = s->n_nodes = count;
}

/* The same for the sets, which stay in their order. */
static void close_subsets(bl_grower *s, bl_tree *tree)
{
    int32_t *owner = s->heap;      /* growth is over: the heap is free */
    int32_t count = 0;
    for (int64_t i = 0; i < s->n_subsets; i++)
        owner[i] = -1;
    for (int32_t id = 0; id < tree->n_nodes; id++)
        if (tree->subset[id] >= 0)
            owner[tree->subset[id]] = id;
    for (int64_t i = 0; i < s->n_subsets; i++) {
        if (owner[i] < 0)
            continue;
        memmove(tree->subsets + 4 * count, tree->subsets + 4 * i,
                4 * sizeof *tree->subsets);
        tree->subset[owner[i]] = count++;
    }
    s->n_subsets = count;
}

/* Write the node that every row is in now, and order the rows of leaves again: those of
 * a node that was cut are the rows of its children, one after the other. */
static void order_rows(bl_grower *s, int32_t *ids)
{
    for (int64_t i = 0; i < s->bins->n_rows; i++)
        ids[i] = s->tested[ids[i]].id;
    for (int64_t id = 0; id < s->n_nodes; id++)
        s->tested[id].id = (int32_t)s->nodes[id].begin;
    for (int64_t i = 0; i < s->n; i++) {
        int32_t row = s->target->rows[i];
        s->order[s->tested[ids[row]].id++] = row;
    }
}

int bl_test_splits(bl_grower *s, bl_tree *tree, int32_t *ids)
{
    const bl_target *target = s->target;
    test_job job = {.s = s, .ids = ids, .h_scale = 1.0,
                    .n_sums = (int)(target->n_outputs
                                    + (target->hessian ? target->n_outputs : 1))};
    bl_extent extent;
    int status = held_extent(s, &extent);
    if (status == BL_OK)
        status = bl_apply_bins(tree, s->bins, ids, s->n_threads);
    if (status != BL_OK)
        return status;
    job.g_scale = bl_scale_for(extent.max_g, BL_EXACT_BITS);
    if (target->hessian || target->weight)
        job.h_scale =
            bl_scale_for(target->hessian ? extent.max_h : extent.max_w, BL_EXACT_BITS);
    for (int64_t id = 0; id < tree->n_nodes; id++)
        if (tree->left[id] < 0)
            s->tested[id].id = (int32_t)job.n_leaves++;
    for (job.half = 0; job.half < 2; job.half++)
        sum_nodes(&job, tree);
    if (s->failed)
        return s->failed;
    decide(&job, tree);
    close_nodes(s, tree);
    if (tree->subset)
        close_subsets(s, tree);
    order_rows(s, ids);
    return BL_OK;
}
