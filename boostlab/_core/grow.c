/* Growing one tree. The order of work: format and words; then, from the best leaf on,
 * partition, histogram of the smaller child, subtraction for the larger, split scan;
 * at the end leaf values from the float64 inputs.
 */
#include "grower.h"

#include <math.h>
#include <string.h>

#define SAME_WIDTH 1e-6    /* of a gap: distances that differ by less are the same */

static void new_node(bl_grower *s, bl_tree *tree, bl_node_state node)
{
    int64_t id = s->n_nodes++, k = s->target->n_outputs;
    s->nodes[id] = node;
    tree->feature[id] = -1;
    tree->left[id] = -1;
    tree->threshold[id] = 0.0;
    memset(tree->value + id * k, 0, (size_t)k * sizeof *tree->value);
    tree->gain[id] = 0.0;
    tree->weight[id] = bl_node_weight(s, (int32_t)id);
    tree->bin[id] = 0;
    tree->missing_left[id] = 0;
    if (tree->subset)
        tree->subset[id] = -1;
}

/* The bin of the border nearest the middle of the gap that the split goes through; of
 * two as near the upper one, since a value in the middle itself belongs on the left. */
static int32_t middle_bin(const bl_node_state *node, const double *borders)
{
    int32_t best = node->split.bin;
    double middle = 0.5 * borders[best] + 0.5 * borders[node->gap_end];
    double as_near = SAME_WIDTH * (borders[node->gap_end] - borders[best]);
    for (int32_t b = best + 1; b <= node->gap_end; b++)
        if (fabs(borders[b] - middle) <= fabs(borders[best] - middle) + as_near)
            best = b;
    return best;
}

void bl_split_node(bl_grower *s, bl_tree *tree, int32_t id, const double *borders,
                   const int64_t *offsets)
{
    bl_node_state *node = s->nodes + id;
    int32_t f = node->feature;
    if (node->gap_end > node->split.bin)
        node->split.bin = middle_bin(node, borders + offsets[f]);
    int32_t bin = node->split.bin;
    int last = bin == s->bins->n_bins[f] - 1;
    int64_t middle = node->begin + bl_partition_node(s, node);
    tree->feature[id] = f;
    tree->left[id] = (int32_t)s->n_nodes;
    tree->threshold[id] = last ? INFINITY : borders[offsets[f] + bin];
    tree->gain[id] = node->split.gain;
    tree->bin[id] = (uint8_t)bin;
    tree->missing_left[id] = node->split.missing_left;
    if (node->split.is_subset) {
        tree->threshold[id] = 0.0;
        tree->subset[id] = (int32_t)s->n_subsets;
        memcpy(tree->subsets + 4 * s->n_subsets++, node->split.subset,
               sizeof node->split.subset);
    }
    int32_t depth = node->depth + 1;
    int64_t *total = s->totals + id * s->cell_words;
    int64_t *left = s->totals + s->n_nodes * s->cell_words;
    for (int j = 0; j < s->cell_words; j++) {
        left[j] = s->left_totals[id * s->cell_words + j];
        left[s->cell_words + j] = (int64_t)((uint64_t)total[j] - (uint64_t)left[j]);
    }
    new_node(s, tree, (bl_node_state){.begin = node->begin, .end = middle,
                                      .depth = depth});
    new_node(s, tree, (bl_node_state){.begin = middle, .end = node->end,
                                      .depth = depth});
    if (s->params->interactions)
        bl_give_sets(s, id, tree->left[id]);
    if (s->rules)
        bl_rule_children(s, id, tree->left[id]);
}

/* Histograms of the children: the smaller is built, the larger is what remains. Where the
 * smaller has few rows, that is left to the search. */
static void search_children(bl_grower *s, int32_t id, int32_t left_id)
{
    bl_node_state *node = s->nodes + id;
    int32_t small = left_id, large = left_id + 1, ids[2];
    int count = 0, is_small = 0;
    int64_t *parent = NULL;
    if (bl_node_size(s, small) > bl_node_size(s, large)) {
        small = left_id + 1;
        large = left_id;
    }
    int search_small = bl_searchable(s, small);
    int search_large = bl_searchable(s, large);
    if (search_small || (search_large && node->cells)) {
        s->nodes[small].cells = bl_take_cells(s);
        if (s->failed)
            return;
        is_small = bl_is_small(s, s->nodes + small);
        if (!is_small)
            bl_build_histogram(s, s->nodes + small, s->nodes[small].cells);
    }
    if (search_large) {
        s->nodes[large].cells = node->cells ? node->cells : bl_take_cells(s);
        if (!s->nodes[large].cells)    /* else the parent gives its own away below */
            return;
        parent = node->cells;
        if (!parent)
            bl_build_histogram(s, s->nodes + large, s->nodes[large].cells);
        else if (!is_small)
            bl_subtract(s, parent, s->nodes[small].cells);
        node->cells = NULL;
    }
    bl_drop_cells(s, node);
    if (search_small)
        ids[count++] = small;
    if (search_large)
        ids[count++] = large;
    if (count)
        bl_search(s, ids, count, is_small ? s->nodes + small : NULL, parent);
    if (!search_small)
        bl_drop_cells(s, s->nodes + small);
}

static int grow_nodes(bl_grower *s, bl_tree *tree, const double *borders,
                      const int64_t *offsets)
{
    int32_t root_id = 0, n_leaves = 1;
    new_node(s, tree, (bl_node_state){.begin = 0, .end = s->n});
    if (s->params->interactions)
        bl_give_all_sets(s);
    if (s->rules)
        bl_rule_root(s);
    if (s->params->oblivious)
        return bl_grow_levels(s, tree, borders, offsets);
    if (s->params->max_leaves > 1 && bl_searchable(s, root_id)) {
        s->nodes[0].cells = bl_take_cells(s);
        if (s->failed)
            return s->failed;
        bl_build_histogram(s, s->nodes, s->nodes[0].cells);
        bl_search(s, &root_id, 1, NULL, NULL);
    }
    while (s->n_heap && n_leaves < s->params->max_leaves) {
        int32_t id = bl_pop(s), left = (int32_t)s->n_nodes;
        if (s->n_nodes + 2 > tree->capacity)
            return BL_FULL;
        bl_split_node(s, tree, id, borders, offsets);
        if (++n_leaves < s->params->max_leaves)
            search_children(s, id, left);
        if (s->failed)
            return s->failed;
    }
    tree->n_nodes = s->n_nodes;
    return s->failed;
}

static int lanes_for(int64_t n_outputs)
{
    int lanes = 1;
    while (lanes < n_outputs)
        lanes *= 2;
    return lanes;
}

int bl_grow(const bl_bins *bins, const bl_target *target, const double *borders,
            const int64_t *offsets, const bl_params *params, bl_tree *tree, int32_t *ids,
            bl_workspace *workspace, int n_threads)
{
    n_threads = n_threads < 1 ? 1 : n_threads > BL_MAX_THREADS ? BL_MAX_THREADS : n_threads;
    bl_grower s = {.bins = bins, .target = target, .params = params,
                   .n = target->rows ? target->n_sampled : bins->n_rows,
                   .kernels = bl_cpu(), .workspace = workspace, .n_threads = n_threads};
    s.format.lanes = lanes_for(target->n_outputs);
    s.cell_words = 2 * s.format.lanes;
    int status = bl_grower_allocate(&s, tree->capacity);
    if (status == BL_OK)
        status = bl_make_words(&s);
    if (status == BL_OK)
        status = grow_nodes(&s, tree, borders, offsets);
    for (int64_t i = 0; i < s.n_nodes; i++)
        bl_drop_cells(&s, s.nodes + i);
    if (status == BL_OK && target->tests)
        status = bl_test_splits(&s, tree, ids);
    if (status == BL_OK)
        status = bl_fit_leaves(&s, tree, ids);
    if (status == BL_OK && s.n < bins->n_rows && !target->tests)
        status = bl_apply_bins(tree, bins, ids, n_threads);
    if (status == BL_OK && target->tests && tree->n_nodes == 1)
        memset(tree->value, 0, (size_t)target->n_outputs * sizeof *tree->value);
    return status;
}

int bl_many_at_once(const bl_growth *trees, int64_t n_trees, int n_threads)
{
    const bl_bins *bins = trees[0].bins;
    int little = bins->n_rows * bins->n_bundles < BL_PARALLEL_UPDATES;
    n_threads = n_threads > BL_MAX_THREADS ? BL_MAX_THREADS : n_threads;
    if (n_trees < n_threads || little || n_threads * bins->n_rows > BL_MANY_ROWS)
        return 1;
    return n_threads;
}

typedef struct {
    bl_growth *trees;
    bl_workspace **workspaces;
    int n_threads;                 /* of each tree */
} many_job;

static void many_task(void *context, int64_t task, int thread)
{
    many_job *job = context;
    bl_growth *t = job->trees + task;
    t->status = bl_grow(t->bins, t->target, t->borders, t->offsets, t->params, t->tree,
                        t->ids, job->workspaces[thread], job->n_threads);
}

void bl_grow_many(bl_growth *trees, int64_t n_trees, bl_workspace **workspaces,
                  int at_once, int n_threads)
{
    int64_t together = at_once > 1 ? n_trees / at_once * at_once : 0;
    many_job job = {trees, workspaces, 1};
    bl_parallel_for(many_task, &job, together, at_once);
    job.n_threads = n_threads;
    for (int64_t i = together; i < n_trees; i++)
        many_task(&job, i, 0);
}
