/* What the files that grow one tree share: words.c, histograms.c, search.c, partition.c,
 * leaves.c, and grow.c, which calls them. Internal to the core. */
#ifndef BOOSTLAB_GROWER_H
#define BOOSTLAB_GROWER_H

#include "kernels.h"

enum {
    BL_MAX_THREADS = 256,
    BL_TASK_ROWS = 8192,           /* rows of one gathered, cache-sized piece */
    BL_PARALLEL_UPDATES = 30000,   /* (row, feature) updates worth waking threads for */
    BL_SMALL_NODE = 32768          /* most rows that units are built from */
};

typedef struct {
    int64_t begin, end;            /* rows in grower.order */
    bl_split split;
    int32_t feature;               /* of the split; -1: none */
    int32_t gap_end;               /* last bin whose cut parts the rows as the split's */
    int32_t depth;
    int64_t *cells;                /* histogram kept for subtraction, or NULL */
} bl_node_state;

/* Bundles of one tile, and where in unit_features their features are. */
typedef struct {
    int32_t tile, first, end;
    int32_t first_feature, end_feature;
} bl_unit;

/* A node under the test of held_out.c. */
typedef struct {
    double gain;                   /* of the held-out rows, by what is left below it */
    double by[2], judged[2];       /* cut by one half: gains of this half, of the other */
    int32_t id;                    /* number of the leaf; then the node it is now in;
                                      then where that one's next row belongs */
    uint8_t cut, kept;             /* it is a leaf now; no node above it is */
} bl_tested;

typedef struct {
    const bl_bins *bins;
    const bl_target *target;
    int64_t n;                     /* sampled rows */
    int64_t n_all;                 /* of all parts */
    const bl_params *params;
    const bl_kernels *kernels;
    int n_threads;

    bl_extent extent;              /* of all outputs */
    bl_format format;
    int cell_words;                /* 2 * lanes */
    int row_words;                 /* lanes, or 2 * lanes where wide */
    bl_extent *extents;            /* one a block */
    int64_t *words;                /* by table row */
    int32_t *order, *left, *right; /* rows by node, and partition buffers */
    bl_node_state *nodes;
    int64_t *totals;               /* one cell a node */
    int64_t *left_totals;          /* likewise: what its split leaves on the left */
    double *rules;                 /* values and bounds of nodes, or NULL; see rules.c */
    uint64_t *sets;                /* that hold all features of a node's path */
    double *level_gains;           /* of every split, summed over a level */
    int32_t *heap;
    int64_t n_heap, n_nodes, n_subsets;
    uint8_t *drawn;                /* features drawn for two nodes */
    uint64_t *keys;
    bl_split *splits;              /* best of each feature, for two nodes */
    int64_t *task_totals;          /* sums of the words of each task */
    bl_exact *sums;                /* of each thread and leaf */
    int64_t *cursors;              /* likewise: where the thread stands in the leaf */
    bl_tested *tested;             /* nodes, and sums of their held-out rows, or NULL */
    bl_exact *held_sums;

    bl_workspace *workspace;
    int64_t cells_per_node;        /* of one lane */
    int64_t n_cells;               /* histograms that exist, spare ones included */
    int64_t max_cells;             /* beyond, nodes give theirs up after the search */
    uint8_t cleared[BL_MAX_THREADS];    /* threads whose block sums are clear */
    char *scratch;                 /* per thread: words, block sums, cells */
    int64_t scratch_stride;
    int64_t *packed;               /* with parts: the cells in use of a histogram */
    bl_unit *units;                /* what one thread can do of a node by itself */
    int32_t n_units;
    int32_t *unit_features;        /* features by unit */
    int64_t *gathered;             /* words of the rows of one node, of few rows */
    int failed;                    /* a status: out of memory, or not reduced */
} bl_grower;

/* ---- workspace.c -------------------------------------------------------------- */

/* Lay the arrays out for trees of `capacity` nodes. */
int bl_grower_allocate(bl_grower *s, int64_t capacity);
int64_t *bl_thread_words(const bl_grower *s, int thread);
int64_t *bl_thread_sums(const bl_grower *s, int thread);
int64_t *bl_thread_cells(const bl_grower *s, int thread);
int64_t *bl_thread_feature(const bl_grower *s, int thread);    /* cells of one feature */

/* A histogram, uninitialised; NULL and s->failed where there is no memory. */
int64_t *bl_take_cells(bl_grower *s);
void bl_drop_cells(bl_grower *s, bl_node_state *node);
int64_t bl_cells_in_use(const bl_grower *s);

/* ---- parts.c ------------------------------------------------------------------ */

/* Reduce numbers over all parts; nothing where there is one, or after a failure. */
void bl_reduce(bl_grower *s, int64_t *numbers, int64_t n, bl_reduction reduction);

/* Sum the cells of a histogram over all parts. */
void bl_reduce_cells(bl_grower *s, int64_t *cells);
int64_t bl_packed_words(const bl_grower *s);    /* to lay out for that */

/* Make the extent that of all parts, and count their rows. */
int bl_reduce_extent(bl_grower *s);

/* What decides which of two nodes is smaller: rows, or where they are spread, weight. */
int64_t bl_node_size(const bl_grower *s, int32_t id);

/* ---- words.c ------------------------------------------------------------------ */

/* Check the derivatives, choose the format, write the words and the root's total. */
int bl_make_words(bl_grower *s);

/* The greatest power of two that keeps `greatest` within `bits` bits. */
double bl_scale_for(double greatest, int bits);

/* ---- histograms.c ------------------------------------------------------------- */

void bl_build_histogram(bl_grower *s, const bl_node_state *node, int64_t *cells);

/* parent -= child */
void bl_subtract(const bl_grower *s, int64_t *parent, const int64_t *child);

/* The part of both that is in one unit: build the histogram of a node whose words were
 * gathered, and subtract it. */
void bl_gather_node(bl_grower *s, const bl_node_state *node);
void bl_build_unit(bl_grower *s, const bl_node_state *node, const bl_unit *unit,
                   int thread, int64_t *cells);
void bl_subtract_unit(const bl_grower *s, const bl_unit *unit, int64_t *parent,
                      const int64_t *child);
int bl_is_small(const bl_grower *s, const bl_node_state *node);

/* The cells of one feature in the histogram of a node: in place, or where it shares a
 * bundle in memory of the thread, which the next call overwrites. */
const int64_t *bl_feature_cells(const bl_grower *s, const bl_node_state *node,
                                int64_t feature, int thread);

/* ---- search.c ----------------------------------------------------------------- */

/* Search one or two nodes that have histograms, and queue those that can be split. If
 * `small` is not NULL, its histogram is to be built first, from few rows, and to be
 * subtracted from `large`, unless that is NULL. */
void bl_search(bl_grower *s, const int32_t *ids, int count, const bl_node_state *small,
               int64_t *large);
int bl_scan_threads(const bl_grower *s, int64_t n_features);

/* Keep what the split of a node leaves on its left; it needs the histogram. */
void bl_write_left_total(bl_grower *s, int32_t id);
int bl_searchable(const bl_grower *s, int32_t id);
double bl_node_weight(const bl_grower *s, int32_t id);

/* The next node to split. */
int32_t bl_pop(bl_grower *s);

/* ---- draws.c ------------------------------------------------------------------ */

/* Mark the features a node may use. */
void bl_draw_features(bl_grower *s, int32_t id, uint8_t *drawn);

/* The sets of interacting features of the root, and of the children of a node. */
void bl_give_all_sets(bl_grower *s);
void bl_give_sets(bl_grower *s, int32_t id, int32_t left);

/* ---- grow.c ------------------------------------------------------------------- */

/* Partition a node by its split, and make its children. */
void bl_split_node(bl_grower *s, bl_tree *tree, int32_t id, const double *borders,
                   const int64_t *offsets);

/* ---- oblivious.c -------------------------------------------------------------- */

int64_t bl_level_numbers(const bl_grower *s);    /* gains that a level is chosen by */

/* Grow from the root, level by level. */
int bl_grow_levels(bl_grower *s, bl_tree *tree, const double *borders,
                   const int64_t *offsets);

/* ---- partition.c -------------------------------------------------------------- */

/* Order the node's rows, left before right; return the number on the left. */
int64_t bl_partition_node(bl_grower *s, const bl_node_state *node);

/* ---- rules.c ------------------------------------------------------------------ */

int bl_has_rules(const bl_params *params);
int64_t bl_rule_numbers(const bl_grower *s);    /* of a node */

/* Value the root, or the children of a node that was split. */
void bl_rule_root(bl_grower *s);
void bl_rule_children(bl_grower *s, int32_t id, int32_t left);
bl_rule bl_rule_of(const bl_grower *s, int32_t id, int64_t feature);

/* The value of output k of a leaf, from sums of the unquantised inputs. */
double bl_rule_leaf(const bl_grower *s, int32_t id, int64_t k, double g, double divisor);

/* The value of output k of a node, from sums of words. */
double bl_node_value(const bl_grower *s, int32_t id, int k);

/* ---- held_out.c --------------------------------------------------------------- */

int64_t bl_test_nodes(const bl_grower *s, int64_t capacity);    /* to lay out for it */

/* Cut the splits that fail on the held-out rows, and write the leaf of every row. */
int bl_test_splits(bl_grower *s, bl_tree *tree, int32_t *ids);

/* ---- leaves.c ----------------------------------------------------------------- */

double bl_exact_real(bl_exact sum, double scale);

/* Write the leaf of every sampled row, and the values of the leaves. */
int bl_fit_leaves(bl_grower *s, bl_tree *tree, int32_t *ids);

#endif
