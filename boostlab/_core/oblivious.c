/* Growing level by level with one split for all nodes of a level: the one that gains
 * most in total. A node where it is not allowed adds nothing to that, and is split all
 * the same; a child without rows has its parent's value. */
#include "grower.h"

#include <string.h>

enum { SIDES = 2, LEVEL_GAINS = SIDES * (BL_MAX_BINS + 1) };    /* sums of a feature */

typedef struct {
    bl_grower *s;
    int32_t id;
} level_job;

typedef struct {
    const double *borders;
    const int64_t *offsets;
    bl_tree *tree;
    int32_t first, count;          /* nodes of the level */
    int32_t feature;
    bl_split split;
} bl_level;

int64_t bl_level_numbers(const bl_grower *s)
{
    return s->params->oblivious ? (int64_t)s->bins->n_features * LEVEL_GAINS : 0;
}

static int ensure_cells(bl_grower *s, int32_t id)
{
    bl_node_state *node = s->nodes + id;
    if (!node->cells && (node->cells = bl_take_cells(s)))
        bl_build_histogram(s, node, node->cells);
    return node->cells != NULL;
}

static void drop_surplus(bl_grower *s, int32_t id)
{
    if (bl_cells_in_use(s) > s->max_cells)
        bl_drop_cells(s, s->nodes + id);
}

/* Add a node's gains of one feature to `sums`. */
static void add_gains(bl_grower *s, int32_t id, int32_t feature, int thread, double *sums)
{
    bl_rule rule = bl_rule_of(s, id, feature);
    const int64_t *cells = bl_feature_cells(s, s->nodes + id, feature, thread);
    s->kernels->add_ruled(cells, s->bins->n_bins[feature], &s->format, s->params, &rule,
                          s->totals + id * s->cell_words, sums);
}

static void level_task(void *context, int64_t feature, int thread)
{
    level_job *job = context;
    if (job->s->drawn[feature])
        add_gains(job->s, job->id, (int32_t)feature, thread,
                  job->s->level_gains + feature * LEVEL_GAINS);
}

/* The first split, by feature, bin and side of missing values, of the greatest sum. */
static void choose_split(bl_grower *s, bl_level *level)
{
    level->feature = -1;
    level->split = (bl_split){.bin = -1};
    for (int32_t j = 0; j < s->bins->n_features; j++)
        for (int32_t b = 0; s->drawn[j] && b < s->bins->n_bins[j]; b++)
            for (int side = 0; side < SIDES; side++) {
                double gain = bl_coarse(
                    s->level_gains[j * LEVEL_GAINS + side * (BL_MAX_BINS + 1) + b]);
                if (gain > level->split.gain) {
                    level->feature = j;
                    level->split = (bl_split){.gain = gain, .bin = b,
                                              .missing_left = (uint8_t)side};
                }
            }
    if (level->split.gain < s->params->min_gain)
        level->feature = -1;
}

/* Where no row of the level is missing: missing values go to the heavier side. */
static void choose_side(bl_grower *s, bl_level *level)
{
    uint64_t left = 0, missing = 0, all = 0;
    int lanes = s->format.lanes;
    for (int32_t id = level->first; id < level->first + level->count; id++) {
        if (!ensure_cells(s, id))
            return;
        const int64_t *weight =
            bl_feature_cells(s, s->nodes + id, level->feature, 0) + lanes;
        missing += bl_weight_lane((uint64_t)weight[BL_MISSING * 2 * lanes], &s->format);
        for (int32_t b = 0; b <= level->split.bin; b++)
            left += bl_weight_lane((uint64_t)weight[(int64_t)b * 2 * lanes], &s->format);
        all += bl_weight_lane((uint64_t)s->totals[id * s->cell_words + lanes],
                              &s->format);
        drop_surplus(s, id);
    }
    if (!missing)
        level->split.missing_left = left >= all - left;
}

static void search_level(bl_grower *s, bl_level *level)
{
    bl_draw_features(s, level->first, s->drawn);
    memset(s->level_gains, 0, (size_t)bl_level_numbers(s) * sizeof *s->level_gains);
    for (int32_t id = level->first; id < level->first + level->count; id++) {
        level_job job = {s, id};
        if (!ensure_cells(s, id))
            return;
        bl_parallel_for(level_task, &job, s->bins->n_features,
                        bl_scan_threads(s, s->bins->n_features));
        drop_surplus(s, id);
    }
    choose_split(s, level);
    if (level->feature >= 0)
        choose_side(s, level);
}

/* Split one node as its level is; its children get histograms if they are `searched`. */
static void split_one(bl_grower *s, const bl_level *level, int32_t id, int searched)
{
    double gains[LEVEL_GAINS] = {0};
    bl_node_state *node = s->nodes + id;
    int32_t small = (int32_t)s->n_nodes, large = small + 1;
    if (!ensure_cells(s, id))
        return;
    add_gains(s, id, level->feature, 0, gains);
    node->feature = level->feature;
    node->split = level->split;
    node->split.gain =
        gains[level->split.missing_left * (BL_MAX_BINS + 1) + level->split.bin];
    bl_write_left_total(s, id);
    bl_split_node(s, level->tree, id, level->borders, level->offsets);
    if (bl_node_size(s, small) > bl_node_size(s, large)) {
        small++;
        large--;
    }
    if (searched && ensure_cells(s, small)) {
        s->nodes[large].cells = node->cells;
        node->cells = NULL;
        bl_subtract(s, s->nodes[large].cells, s->nodes[small].cells);
        drop_surplus(s, large);
        drop_surplus(s, small);
    }
    bl_drop_cells(s, node);
}

int bl_grow_levels(bl_grower *s, bl_tree *tree, const double *borders,
                   const int64_t *offsets)
{
    const bl_params *params = s->params;
    bl_level level = {.borders = borders, .offsets = offsets, .tree = tree, .count = 1};
    for (int32_t depth = 0; depth < params->max_depth; depth++) {
        if (level.count > params->max_leaves / 2)
            break;
        search_level(s, &level);
        if (s->failed)
            return s->failed;
        if (level.feature < 0)
            break;
        if (s->n_nodes + 2 * (int64_t)level.count > tree->capacity)
            return BL_FULL;
        int searched = depth + 1 < params->max_depth
            && level.count <= params->max_leaves / 4;
        for (int32_t id = level.first; id < level.first + level.count; id++) {
            split_one(s, &level, id, searched);
            if (s->failed)
                return s->failed;
        }
        level.first += level.count;
        level.count *= 2;
    }
    tree->n_nodes = s->n_nodes;
    return BL_OK;
}
