/* The best split of a node, and the queue of nodes that wait to be split. */
#include "grower.h"

enum { PARALLEL_SCAN = 96 };    /* features to scan worth waking threads for */

typedef struct {
    bl_grower *s;
    const int32_t *ids;            /* one or two nodes */
    int count;
    const bl_node_state *small;    /* whose histogram is to be built */
    int64_t *large;                /* to be subtracted from, or NULL */
} search_job;

int bl_scan_threads(const bl_grower *s, int64_t n_features)
{
    return n_features < PARALLEL_SCAN ? 1 : s->n_threads;
}

/* The best split of a node by feature j, into place `at` of those of all features. */
static void scan_feature(bl_grower *s, int32_t id, int64_t j, int64_t at, int thread)
{
    s->splits[at].bin = -1;
    if (!s->drawn[at])
        return;
    const int64_t *cells = bl_feature_cells(s, s->nodes + id, j, thread);
    const int64_t *total = s->totals + id * s->cell_words;
    int categories = s->bins->categorical && s->bins->categorical[j];
    if (s->rules) {
        bl_rule rule = bl_rule_of(s, id, j);
        s->kernels->best_ruled(cells, s->bins->n_bins[j], &s->format, s->params, &rule,
                               total, s->splits + at);
    } else {
        (categories ? s->kernels->best_subset : s->kernels->best_split)(
            cells, s->bins->n_bins[j], &s->format, s->params, total, s->splits + at);
    }
}

static void scan_task(void *context, int64_t task, int thread)
{
    const search_job *job = context;
    int64_t f = job->s->bins->n_features;
    scan_feature(job->s, job->ids[task / f], task % f, task, thread);
}

/* All there is to do with the features of one unit, while its cells are in cache. */
static void search_task(void *context, int64_t task, int thread)
{
    const search_job *job = context;
    bl_grower *s = job->s;
    const bl_unit *unit = s->units + task;
    bl_build_unit(s, job->small, unit, thread, job->small->cells);
    if (job->large)
        bl_subtract_unit(s, unit, job->large, job->small->cells);
    for (int c = 0; c < job->count; c++)
        for (int32_t i = unit->first_feature; i < unit->end_feature; i++) {
            int32_t j = s->bins->bundle ? s->unit_features[i] : i;
            scan_feature(s, job->ids[c], j, c * (int64_t)s->bins->n_features + j, thread);
        }
}

static int precedes(const bl_grower *s, int32_t a, int32_t b)
{
    const bl_node_state *first = s->nodes + a, *second = s->nodes + b;
    if (s->params->depth_wise) {
        if (first->depth != second->depth)
            return first->depth < second->depth;
    } else if (first->split.gain != second->split.gain) {
        return first->split.gain > second->split.gain;
    }
    return a < b;
}

static void push(bl_grower *s, int32_t id)
{
    int64_t i = s->n_heap++;
    while (i > 0 && precedes(s, id, s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = id;
}

int32_t bl_pop(bl_grower *s)
{
    int32_t top = s->heap[0], last = s->heap[--s->n_heap];
    int64_t i = 0;
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child >= s->n_heap)
            break;
        if (child + 1 < s->n_heap && precedes(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!precedes(s, s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

void bl_write_left_total(bl_grower *s, int32_t id)
{
    const bl_node_state *node = s->nodes + id;
    const int64_t *cells = bl_feature_cells(s, node, node->feature, 0);
    const int64_t *missing = cells + (int64_t)BL_MISSING * s->cell_words;
    int64_t *left = s->left_totals + id * s->cell_words;
    for (int j = 0; j < s->cell_words; j++) {
        uint64_t sum = node->split.missing_left ? (uint64_t)missing[j] : 0;
        for (int32_t b = 0; b < s->bins->n_bins[node->feature]; b++)
            if (node->split.is_subset ? bl_in_subset(node->split.subset, (unsigned)b)
                                      : b <= node->split.bin)
                sum += (uint64_t)cells[(int64_t)b * s->cell_words + j];
        left[j] = (int64_t)sum;
    }
}

/* Whether a split of feature j is to be preferred to the node's own, of no more gain. */
static int beats(const bl_grower *s, int32_t id, const bl_split *split, int64_t j)
{
    const bl_node_state *node = s->nodes + id;
    if (split->bin < 0 || split->gain != node->split.gain || node->feature < 0)
        return split->bin >= 0 && split->gain > node->split.gain;
    uint64_t seed = s->params->seed ^ 0x7E7E7E7E7E7E7E7Eu;
    return s->params->fair_ties
        && bl_hash(seed, (uint64_t)id, (uint64_t)j)
            > bl_hash(seed, (uint64_t)id, (uint64_t)node->feature);
}

/* The last bin after which a cut would part the node's rows as its split does. */
static int32_t gap_end(const bl_grower *s, const bl_node_state *node)
{
    int32_t bin = node->split.bin, n_bins = s->bins->n_bins[node->feature];
    if (!s->params->fair_ties || node->split.is_subset
        || (s->bins->categorical && s->bins->categorical[node->feature]))
        return bin;
    const int64_t *cells = bl_feature_cells(s, node, node->feature, 0);
    int32_t next = bin + 1;
    while (next < n_bins && !cells[(int64_t)next * s->cell_words + s->format.lanes])
        next++;
    return next < n_bins ? next - 1 : bin;
}

void bl_search(bl_grower *s, const int32_t *ids, int count, const bl_node_state *small,
               int64_t *large)
{
    int64_t f = s->bins->n_features;
    search_job job = {s, ids, count, small, large};
    for (int c = 0; c < count; c++)
        bl_draw_features(s, ids[c], s->drawn + c * f);
    int64_t n_rows = 0;
    for (int c = 0; c < count; c++)
        n_rows += s->nodes[ids[c]].end - s->nodes[ids[c]].begin;
    /* After big nodes the other threads are still awake, and cost nothing. */
    int awake = n_rows * f * s->format.lanes >= BL_PARALLEL_UPDATES;
    int threads = awake ? s->n_threads : bl_scan_threads(s, count * f);
    if (small) {
        bl_gather_node(s, small);
        bl_parallel_for(search_task, &job, s->n_units, threads);
    } else {
        bl_parallel_for(scan_task, &job, count * f, threads);
    }
    for (int c = 0; c < count; c++) {
        bl_node_state *node = s->nodes + ids[c];
        node->feature = -1;
        node->split.gain = 0.0;
        for (int64_t j = 0; j < f; j++) {
            const bl_split *split = s->splits + c * f + j;
            if (beats(s, ids[c], split, j)) {
                node->split = *split;
                node->feature = (int32_t)j;
            }
        }
        if (node->split.gain < s->params->min_gain)
            node->feature = -1;
        if (node->feature >= 0) {
            node->gap_end = gap_end(s, node);
            bl_write_left_total(s, ids[c]);
            push(s, ids[c]);
        }
        if (node->feature < 0 || bl_cells_in_use(s) > s->max_cells)
            bl_drop_cells(s, node);    /* its children will be built, not subtracted */
    }
}

double bl_node_weight(const bl_grower *s, int32_t id)
{
    uint64_t hw = (uint64_t)s->totals[id * s->cell_words + s->format.lanes];
    return (double)(int64_t)bl_weight_lane(hw, &s->format) * (1.0 / s->format.w_scale);
}

int bl_searchable(const bl_grower *s, int32_t id)
{
    const bl_node_state *node = s->nodes + id;
    return node->depth < s->params->max_depth && bl_node_size(s, id) >= 2
        && bl_node_weight(s, id) >= 2 * s->params->min_leaf_weight;
}
