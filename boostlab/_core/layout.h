/* A forest laid out for prediction, 64 rows at a time.
 *
 * Values become codes first: the code of x is the number of the forest's own thresholds
 * on its feature that lie below x, so x <= threshold number t exactly if code <= t. A
 * node is then one comparison of 64 bytes, and what it decides one selection among 64
 * bytes: from the leaves up to the root, each node selects between what its children
 * selected, until the root holds for each row the number of the leaf it falls in. There
 * are no branches and no gathers, and all nodes of a tree take part, whichever leaf the
 * rows go to: up to BL_EXITS leaves that is faster than walking.
 *
 * Of larger trees the nodes nearest to the root are decided in this way; rows then walk
 * on from where they came out, by codes.
 *
 * A feature with more than BL_GROUP thresholds has them in several groups, each with
 * codes of its own. A missing value has code BL_MISSING, which is above all thresholds,
 * or 0 in the group's second column, which nodes that send missing values left compare.
 * Categories need three columns: the byte of a set in which their bit is, the bit, or 0
 * for a code that no set holds, and whether the value is missing.
 */
#ifndef BOOSTLAB_LAYOUT_H
#define BOOSTLAB_LAYOUT_H

#include "boostlab_core.h"

enum {
    BL_WALK_ROWS = 64,       /* rows that are walked down a tree together */
    BL_WALK_TREES = 16,      /* trees that one row is walked down together */
    BL_LANES = 64,           /* rows that are decided together */
    BL_STRIP = 256,          /* rows that are encoded together */
    BL_GROUP = 254,          /* thresholds of one group at most: codes 0 .. 254 */
    BL_HEAP = 256,           /* entries of a group's search tree */
    BL_EXITS = 256,          /* leaves, or nodes to walk on from, of one tree */
    BL_MAX_COLUMNS = 65536,
    BL_SUBSET_BYTES = 32
};

/* How a node decides. */
enum { BL_NUMERIC, BL_SET, BL_SET_MISSING_LEFT };

/* A node as it is decided. `left` and `right` are slots of BL_LANES bytes: the first
 * BL_EXITS hold their own number, for exits, and those after them what the nodes of the
 * tree select. */
typedef struct {
    uint32_t split;          /* the code to compare with, or the set */
    uint16_t column, left, right, kind;
} bl_choice;

/* A node as it is walked. */
typedef struct {
    int32_t left;            /* -1: a leaf */
    uint32_t split;
    uint16_t column, kind;
} bl_code_node;

/* Thresholds of one feature that share codes, as a search tree of 2^levels - 1 nodes
 * in levels: the children of entry i are 2i and 2i + 1, the root is entry 1. */
typedef struct {
    int64_t feature;
    int32_t levels;
    int32_t right, left;     /* columns of codes by where NaN goes; -1: not needed */
} bl_group;

typedef struct {
    int64_t feature;
    int32_t column;          /* the first of its three */
} bl_codes;

typedef struct {
    int64_t first_choice, first_exit, first_value;
    int64_t first_node;      /* -1 where all exits are leaves, else of code_nodes */
    int32_t n_choices, n_exits;
    int32_t value_stride;    /* from one output's values of the exits to the next's */
} bl_laid_tree;

struct bl_layout {
    bl_group *groups;
    float *heaps32;          /* (n_groups, BL_HEAP), rounded down: the same for float32 */
    double *heaps64;
    bl_codes *codes;
    bl_laid_tree *trees;
    bl_choice *choices;
    int32_t *exits;          /* nodes that the exits stand for */
    double *values;          /* of exits: output after output, padded to 16 */
    bl_code_node *code_nodes;
    int32_t n_groups, n_codes, n_columns;
};

/* NULL without memory, with more than BL_MAX_COLUMNS columns, or a threshold of NaN. */
bl_layout *bl_layout_new(const bl_forest *forest);
void bl_layout_free(bl_layout *layout);

#endif
