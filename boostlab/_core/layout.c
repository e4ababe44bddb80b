/* Laying a forest out for prediction; see layout.h. */
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A threshold of the forest, and the code that stands for it. */
typedef struct {
    double threshold;
    int64_t feature;
    int32_t group, code;
} edge;

typedef struct {
    const bl_forest *forest;
    bl_layout *layout;
    edge *edges;             /* distinct, ascending */
    int64_t n_edges;
    int32_t *order;          /* the nodes of a tree that are decided, root first */
    int32_t *slot;           /* of each of its nodes, -1 where not reached */
} builder;

static void *room(int64_t count, size_t size)
{
    return calloc(count > 0 ? (size_t)count : 1, size);
}

static int is_leaf(const bl_node *node, int64_t index)
{
    return node->left == index;
}

static int64_t feature_of(const bl_node *node)
{
    return node->feature & BL_FEATURE;
}

/* ---- thresholds and columns ----------------------------------------------------- */

static int compare_edges(const void *left, const void *right)
{
    const edge *a = left, *b = right;
    if (a->feature != b->feature)
        return a->feature < b->feature ? -1 : 1;
    return (a->threshold > b->threshold) - (a->threshold < b->threshold);
}

static int compare_codes(const void *left, const void *right)
{
    const bl_codes *a = left, *b = right;
    return (a->feature > b->feature) - (a->feature < b->feature);
}

/* Collect the thresholds, and the features that are split by sets. */
static int collect(builder *b)
{
    const bl_forest *forest = b->forest;
    bl_layout *layout = b->layout;
    int64_t n_nodes = forest->starts[forest->n_trees], n_edges = 0, n_codes = 0;
    b->edges = room(n_nodes, sizeof *b->edges);
    layout->codes = room(n_nodes, sizeof *layout->codes);
    if (!b->edges || !layout->codes)
        return 0;
    for (int64_t t = 0; t < forest->n_trees; t++)
        for (int64_t i = forest->starts[t]; i < forest->starts[t + 1]; i++) {
            const bl_node *node = forest->nodes + i;
            if (is_leaf(node, i - forest->starts[t]))
                continue;
            if (node->feature & BL_SUBSET)
                layout->codes[n_codes++].feature = feature_of(node);
            else if (node->threshold == node->threshold)
                b->edges[n_edges++] = (edge){node->threshold, feature_of(node), 0, 0};
            else
                return 0;    /* NaN has no place among the others */
        }
    qsort(b->edges, (size_t)n_edges, sizeof *b->edges, compare_edges);
    qsort(layout->codes, (size_t)n_codes, sizeof *layout->codes, compare_codes);
    for (int64_t i = 0; i < n_edges; i++)
        if (i == 0 || compare_edges(&b->edges[b->n_edges - 1], &b->edges[i]))
            b->edges[b->n_edges++] = b->edges[i];
    for (int64_t i = 0; i < n_codes; i++)
        if (i == 0 || layout->codes[layout->n_codes - 1].feature
                != layout->codes[i].feature)
            layout->codes[layout->n_codes++] = layout->codes[i];
    return 1;
}

/* The greatest float32 that is at most x: the same values of float32 are above it. */
static float round_down(double x)
{
    float rounded = (float)x;
    return (double)rounded > x ? nextafterf(rounded, -INFINITY) : rounded;
}

/* Write the thresholds first .. first + n - 1 as a search tree, padded by infinities. */
static void fill_heap(const edge *edges, int32_t n, int32_t levels, float *heap32,
                      double *heap64)
{
    for (int32_t level = 0; level < levels; level++)
        for (int32_t j = 0; j < 1 << level; j++) {
            int32_t at = ((2 * j + 1) << (levels - 1 - level)) - 1;
            double threshold = at < n ? edges[at].threshold : INFINITY;
            heap64[(1 << level) + j] = threshold;
            heap32[(1 << level) + j] = round_down(threshold);
        }
}

/* Cut the thresholds into groups and number their codes. */
static int make_groups(builder *b)
{
    bl_layout *layout = b->layout;
    int64_t n_groups = 0, first = 0;
    for (int64_t i = 0; i < b->n_edges; i++) {
        if (i == 0 || b->edges[i].feature != b->edges[first].feature
            || i - first == BL_GROUP) {
            first = i;
            n_groups++;
        }
        if (n_groups > BL_MAX_COLUMNS)
            return 0;
        b->edges[i].group = (int32_t)n_groups - 1;
        b->edges[i].code = (int32_t)(i - first);
    }
    layout->n_groups = (int32_t)n_groups;
    layout->groups = room(n_groups, sizeof *layout->groups);
    layout->heaps32 = room(n_groups * BL_HEAP, sizeof *layout->heaps32);
    layout->heaps64 = room(n_groups * BL_HEAP, sizeof *layout->heaps64);
    if (!layout->groups || !layout->heaps32 || !layout->heaps64)
        return 0;
    for (int64_t i = 0, end; i < b->n_edges; i = end) {
        int32_t group = b->edges[i].group, levels = 0;
        for (end = i + 1; end < b->n_edges && b->edges[end].group == group;)
            end++;
        while ((1 << levels) - 1 < end - i)
            levels++;
        layout->groups[group] = (bl_group){b->edges[i].feature, levels, -1, -1};
        fill_heap(b->edges + i, (int32_t)(end - i), levels,
                  layout->heaps32 + (int64_t)group * BL_HEAP,
                  layout->heaps64 + (int64_t)group * BL_HEAP);
    }
    return 1;
}

static const edge *find_edge(const builder *b, const bl_node *node)
{
    edge wanted = {node->threshold, feature_of(node), 0, 0};
    return bsearch(&wanted, b->edges, (size_t)b->n_edges, sizeof wanted, compare_edges);
}

static const bl_codes *find_codes(const builder *b, const bl_node *node)
{
    bl_codes wanted = {feature_of(node), 0};
    return bsearch(&wanted, b->layout->codes, (size_t)b->layout->n_codes, sizeof wanted,
                   compare_codes);
}

/* Give a column to each group and direction of missing values that a node needs. */
static int number_columns(builder *b)
{
    const bl_forest *forest = b->forest;
    bl_layout *layout = b->layout;
    int64_t n_columns = 0;
    for (int64_t t = 0; t < forest->n_trees; t++)
        for (int64_t i = forest->starts[t]; i < forest->starts[t + 1]; i++) {
            const bl_node *node = forest->nodes + i;
            if (is_leaf(node, i - forest->starts[t]) || node->feature & BL_SUBSET)
                continue;
            bl_group *group = layout->groups + find_edge(b, node)->group;
            if (node->feature & BL_MISSING_LEFT)
                group->left = 0;
            else
                group->right = 0;
        }
    for (int32_t g = 0; g < layout->n_groups; g++) {
        bl_group *group = layout->groups + g;
        group->right = group->right < 0 ? -1 : (int32_t)n_columns++;
        group->left = group->left < 0 ? -1 : (int32_t)n_columns++;
    }
    if (n_columns + 3 * (int64_t)layout->n_codes > BL_MAX_COLUMNS)
        return 0;
    for (int32_t c = 0; c < layout->n_codes; c++, n_columns += 3)
        layout->codes[c].column = (int32_t)n_columns;
    layout->n_columns = (int32_t)n_columns;
    return 1;
}

/* ---- trees ---------------------------------------------------------------------- */

/* How a node decides: its column, kind and code or set. */
static bl_code_node coded(const builder *b, const bl_node *node)
{
    int missing_left = (node->feature & BL_MISSING_LEFT) != 0;
    bl_code_node out = {.left = node->left};
    if (node->feature & BL_SUBSET) {
        out.column = (uint16_t)find_codes(b, node)->column;
        out.kind = missing_left ? BL_SET_MISSING_LEFT : BL_SET;
        out.split = (uint32_t)node->subset;
    } else {
        const edge *found = find_edge(b, node);
        const bl_group *group = b->layout->groups + found->group;
        out.column = (uint16_t)(missing_left ? group->left : group->right);
        out.kind = BL_NUMERIC;
        out.split = (uint32_t)found->code;
    }
    return out;
}

/* Choose the nodes to decide, nearest to the root first, and number slots. */
static void choose_nodes(builder *b, int64_t start, bl_laid_tree *tree)
{
    const bl_node *nodes = b->forest->nodes + start;
    bl_layout *layout = b->layout;
    int32_t queued = 0;
    tree->n_choices = tree->n_exits = 0;
    b->order[queued++] = 0;
    for (int32_t q = 0; q < queued; q++) {
        int32_t i = b->order[q];
        if (!is_leaf(nodes + i, i) && tree->n_choices < BL_EXITS - 1) {
            b->slot[i] = BL_EXITS + tree->n_choices++;
            b->order[queued++] = nodes[i].left;
            b->order[queued++] = nodes[i].left + 1;
        } else {
            b->slot[i] = tree->n_exits;
            layout->exits[tree->first_exit + tree->n_exits++] = i;
        }
    }
}

/* Nodes of a tree that rows walk on through, in a second pass over deep trees. */
static void lay_walk(builder *b, int64_t start, int64_t n_nodes, bl_laid_tree *tree,
                     int64_t *n_walked)
{
    const bl_node *nodes = b->forest->nodes + start;
    int deep = 0;
    for (int32_t e = 0; e < tree->n_exits; e++) {
        int32_t i = b->layout->exits[tree->first_exit + e];
        deep |= !is_leaf(nodes + i, i);
    }
    tree->first_node = deep ? *n_walked : -1;
    if (!deep)
        return;
    for (int64_t i = 0; i < n_nodes; i++) {
        bl_code_node *out = b->layout->code_nodes + *n_walked + i;
        if (is_leaf(nodes + i, i))
            out->left = -1;
        else
            *out = coded(b, nodes + i);
    }
    *n_walked += n_nodes;
}

static void lay_choices(builder *b, int64_t start, bl_laid_tree *tree)
{
    const bl_node *nodes = b->forest->nodes + start;
    bl_choice *out = b->layout->choices + tree->first_choice;
    int32_t queued = 2 * tree->n_choices + 1;
    for (int32_t q = 0; q < queued; q++) {
        int32_t i = b->order[q];
        if (b->slot[i] < BL_EXITS)
            continue;
        bl_code_node node = coded(b, nodes + i);
        *out++ = (bl_choice){node.split, node.column, (uint16_t)b->slot[node.left],
                             (uint16_t)b->slot[node.left + 1], node.kind};
    }
}

static void lay_values(builder *b, int64_t t, bl_laid_tree *tree)
{
    const bl_forest *forest = b->forest;
    const double *values = forest->values + forest->value_starts[t];
    const int32_t *exits = b->layout->exits + tree->first_exit;
    int32_t width = forest->widths[t];
    double *out = b->layout->values + tree->first_value;
    for (int32_t k = 0; k < width; k++)
        for (int32_t e = 0; e < tree->n_exits; e++)
            out[(int64_t)k * tree->value_stride + e] = values[(int64_t)exits[e] * width
                                                              + k];
}

/* Allocate for all trees what bounds by their numbers of nodes allow. */
static int reserve(builder *b)
{
    const bl_forest *forest = b->forest;
    bl_layout *layout = b->layout;
    int64_t n_nodes = forest->starts[forest->n_trees], most = 1, n_walked = 0;
    int64_t n_values = 0;
    for (int64_t t = 0; t < forest->n_trees; t++) {
        int64_t size = forest->starts[t + 1] - forest->starts[t];
        int64_t n_exits = size / 2 + 1 < BL_EXITS ? size / 2 + 1 : BL_EXITS;
        most = size > most ? size : most;
        n_values += (n_exits + 15) / 16 * 16 * forest->widths[t];
        n_walked += size / 2 + 1 > BL_EXITS ? size : 0;
    }
    b->order = room(most, sizeof *b->order);
    b->slot = room(most, sizeof *b->slot);
    layout->trees = room(forest->n_trees, sizeof *layout->trees);
    layout->choices = room(n_nodes, sizeof *layout->choices);
    layout->exits = room(n_nodes, sizeof *layout->exits);
    layout->values = room(n_values, sizeof *layout->values);
    layout->code_nodes = room(n_walked, sizeof *layout->code_nodes);
    return b->order && b->slot && layout->trees && layout->choices && layout->exits
        && layout->values && layout->code_nodes;
}

static int lay_trees(builder *b)
{
    const bl_forest *forest = b->forest;
    int64_t n_choices = 0, n_exits = 0, n_values = 0, n_walked = 0;
    if (!reserve(b))
        return 0;
    for (int64_t t = 0; t < forest->n_trees; t++) {
        bl_laid_tree *tree = b->layout->trees + t;
        int64_t start = forest->starts[t];
        tree->first_choice = n_choices;
        tree->first_exit = n_exits;
        tree->first_value = n_values;
        choose_nodes(b, start, tree);
        tree->value_stride = (tree->n_exits + 15) / 16 * 16;
        lay_choices(b, start, tree);
        lay_values(b, t, tree);
        lay_walk(b, start, forest->starts[t + 1] - start, tree, &n_walked);
        n_choices += tree->n_choices;
        n_exits += tree->n_exits;
        n_values += (int64_t)tree->value_stride * forest->widths[t];
    }
    return 1;
}

bl_layout *bl_layout_new(const bl_forest *forest)
{
    builder b = {.forest = forest, .layout = calloc(1, sizeof(bl_layout))};
    if (!b.layout)
        return NULL;
    int done = collect(&b) && make_groups(&b) && number_columns(&b) && lay_trees(&b);
    free(b.edges);
    free(b.order);
    free(b.slot);
    if (done)
        return b.layout;
    bl_layout_free(b.layout);
    return NULL;
}

void bl_layout_free(bl_layout *layout)
{
    if (!layout)
        return;
    free(layout->groups);
    free(layout->heaps32);
    free(layout->heaps64);
    free(layout->codes);
    free(layout->trees);
    free(layout->choices);
    free(layout->exits);
    free(layout->values);
    free(layout->code_nodes);
    free(layout);
}
