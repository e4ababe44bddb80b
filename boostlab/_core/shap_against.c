/* Interventional contributions of trees: rows against background rows; see shap.h. */
#include "kernels.h"
#include "shap.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_TASK = 4, TABLE = 32 };

/* Who still follows the path at all splits on the feature of an edge. */
enum { ROW = 1, BACKGROUND = 2 };

/* A node that a mixture of the two rows can reach. */
typedef struct {
    int32_t node, parent;    /* `parent` counts in the list of nodes reached */
    int32_t row_only, background_only;   /* features that only one of them follows */
} reached;

typedef struct {
    const bl_forest *forest;
    const double *x, *background;        /* rows one after another */
    const int32_t *before;               /* of every node, as in bl_shap_node */
    int64_t n_rows, n_background, n_features, n_outputs;
    int64_t most_nodes, most_width;
    double weights[TABLE][TABLE];        /* (p - 1)! (q - 1)! / (p + q - 1)! */
    double *out;
    char *scratch;
    int64_t stride;
} against_job;

typedef struct {
    reached *nodes;
    uint8_t *follow;                     /* of the edge to each node of the tree */
    double *given, *taken;               /* sums over the leaves below, by width */
} pair_memory;

/* (p - 1)! (q - 1)! / (p + q - 1)! for p, q >= 1 */
static double beta(int64_t p, int64_t q)
{
    double value = 1.0 / (double)q;
    for (int64_t i = 1; i < p; i++)
        value *= (double)i / (double)(i + q);
    return value;
}

static double weight_of(const against_job *job, int64_t p, int64_t q)
{
    return p < TABLE && q < TABLE ? job->weights[p][q] : beta(p, q);
}

static int goes_left(const bl_node *node, const uint64_t *subsets, double value)
{
    if (value != value)
        return (node->feature & BL_MISSING_LEFT) != 0;
    if (!(node->feature & BL_SUBSET))
        return value <= node->threshold;
    return value >= 0 && value < 256
        && bl_in_subset(subsets + 4 * node->subset, (unsigned)value);
}

/* List the nodes that x or b, or a mixture of them, can reach; returns their number. */
static int32_t reach(const against_job *job, int64_t t, const double *x, const double *b,
                     const pair_memory *m)
{
    const bl_forest *forest = job->forest;
    const bl_node *nodes = forest->nodes + forest->starts[t];
    const int32_t *before = job->before + forest->starts[t];
    int32_t n = 1;
    m->nodes[0] = (reached){0, -1, 0, 0};
    for (int32_t i = 0; i < n; i++) {
        const reached at = m->nodes[i];
        const bl_node *node = nodes + at.node;
        if (node->left == at.node)
            continue;
        int64_t feature = node->feature & BL_FEATURE;
        int x_left = goes_left(node, forest->subsets, x[feature]);
        int b_left = goes_left(node, forest->subsets, b[feature]);
        int old = before[at.node] < 0 ? ROW | BACKGROUND : m->follow[before[at.node]];
        for (int side = 0; side < 2; side++) {
            int now = (x_left != side ? ROW : 0) | (b_left != side ? BACKGROUND : 0);
            now &= old;
            if (!now)
                continue;
            int parted = old == (ROW | BACKGROUND) && now != old;
            m->follow[node->left + side] = (uint8_t)now;
            m->nodes[n++] = (reached){node->left + side, i,
                                      at.row_only + (parted && now == ROW),
                                      at.background_only + (parted && now == BACKGROUND)};
        }
    }
    return n;
}

/* What the leaf gives to each feature that only one of the two rows follows. */
static void value_leaf(const against_job *job, int64_t t, const reached *leaf,
                       double *given, double *taken)
{
    const bl_forest *forest = job->forest;
    int64_t width = forest->widths[t], a = leaf->row_only, b = leaf->background_only;
    const double *values = forest->values + forest->value_starts[t] + leaf->node * width;
    double gives = a ? weight_of(job, a, b + 1) : 0.0;
    double takes = b ? weight_of(job, a + 1, b) : 0.0;
    for (int64_t k = 0; k < width; k++) {
        given[k] = values[k] * gives;
        taken[k] = values[k] * takes;
    }
}

/* Add the shares of one tree in the difference between x and b. */
static void add_pair(const against_job *job, int64_t t, const double *x, const double *b,
                     const pair_memory *m, double *phi)
{
    const bl_forest *forest = job->forest;
    const bl_node *nodes = forest->nodes + forest->starts[t];
    int64_t width = forest->widths[t], n_features = job->n_features;
    int32_t n = reach(job, t, x, b, m);
    memset(m->given, 0, (size_t)(n * width) * sizeof *m->given);
    memset(m->taken, 0, (size_t)(n * width) * sizeof *m->taken);
    for (int32_t i = n - 1; i > 0; i--) {
        const reached *at = m->nodes + i, *above = m->nodes + at->parent;
        double *given = m->given + i * width, *taken = m->taken + i * width;
        if (nodes[at->node].left == at->node)
            value_leaf(job, t, at, given, taken);
        const bl_node *split = nodes + above->node;
        double *share = phi + forest->outputs[t] * n_features
            + (split->feature & BL_FEATURE);
        int new_to_row = at->row_only > above->row_only;
        int new_to_background = at->background_only > above->background_only;
        for (int64_t k = 0; k < width; k++) {
            if (new_to_row)
                share[k * n_features] += given[k];
            if (new_to_background)
                share[k * n_features] -= taken[k];
            m->given[at->parent * width + k] += given[k];
            m->taken[at->parent * width + k] += taken[k];
        }
    }
}

static void against_task(void *context, int64_t task, int thread)
{
    against_job *job = context;
    char *memory = job->scratch + thread * job->stride;
    int64_t sums = job->most_nodes * job->most_width;
    pair_memory m = {.given = (double *)memory};
    m.taken = m.given + sums;
    double *phi = m.taken + sums;
    m.nodes = (reached *)(phi + job->n_outputs * job->n_features);
    m.follow = (uint8_t *)(m.nodes + job->most_nodes);
    int64_t n_shares = job->n_outputs * job->n_features, end = (task + 1) * ROWS_PER_TASK;
    for (int64_t i = task * ROWS_PER_TASK; i < end && i < job->n_rows; i++) {
        memset(phi, 0, (size_t)n_shares * sizeof *phi);
        for (int64_t t = 0; t < job->forest->n_trees; t++)
            for (int64_t b = 0; b < job->n_background; b++)
                add_pair(job, t, job->x + i * job->n_features,
                         job->background + b * job->n_features, &m, phi);
        double *out = job->out + i * job->n_outputs * (job->n_features + 1);
        for (int64_t k = 0; k < job->n_outputs; k++, out += job->n_features + 1) {
            for (int64_t j = 0; j < job->n_features; j++)
                out[j] = phi[k * job->n_features + j] / (double)job->n_background;
            out[job->n_features] = 0.0;
        }
    }
}

/* All rows as float64, one after another; NULL without memory. */
static double *rows_of(const bl_matrix *x)
{
    size_t count = (size_t)(x->n_rows * x->n_features);
    double *rows = malloc((count ? count : 1) * sizeof *rows), *out = rows;
    for (int64_t i = 0; rows && i < x->n_rows; i++)
        for (int64_t j = 0; j < x->n_features; j++, out++) {
            const char *at = x->data + i * x->row_stride + j * x->feature_stride;
            float single;
            if (x->dtype == BL_FLOAT32) {
                memcpy(&single, at, sizeof single);
                *out = (double)single;
            } else {
                memcpy(out, at, sizeof *out);
            }
        }
    return rows;
}

/* For every node the edge above that splits the same feature; NULL without memory. */
static int32_t *edges_before(const bl_forest *forest)
{
    int64_t n_nodes = forest->starts[forest->n_trees];
    int32_t *before = malloc((size_t)(n_nodes ? n_nodes : 1) * sizeof *before);
    int32_t *parent = malloc((size_t)(n_nodes ? n_nodes : 1) * sizeof *parent);
    for (int64_t t = 0; before && parent && t < forest->n_trees; t++) {
        const bl_node *nodes = forest->nodes + forest->starts[t];
        int64_t start = forest->starts[t], n = forest->starts[t + 1] - start;
        parent[start] = -1;
        for (int32_t i = 0; i < n; i++) {
            before[start + i] = -1;
            if (nodes[i].left == i)
                continue;
            parent[start + nodes[i].left] = parent[start + nodes[i].left + 1] = i;
            uint32_t feature = nodes[i].feature & BL_FEATURE;
            for (int32_t at = i; at > 0; at = parent[start + at])
                if ((nodes[parent[start + at]].feature & BL_FEATURE) == feature) {
                    before[start + i] = at;
                    break;
                }
        }
    }
    free(parent);
    if (parent)
        return before;
    free(before);
    return NULL;
}

static int run(against_job *job, int n_threads)
{
    int64_t n_tasks = (job->n_rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
    const bl_forest *forest = job->forest;
    n_threads = n_tasks < n_threads ? (int)n_tasks : n_threads;
    job->most_nodes = job->most_width = 1;
    for (int64_t t = 0; t < forest->n_trees; t++) {
        int64_t n = forest->starts[t + 1] - forest->starts[t];
        job->most_nodes = n > job->most_nodes ? n : job->most_nodes;
        if (forest->widths[t] > job->most_width)
            job->most_width = forest->widths[t];
    }
    for (int p = 1; p < TABLE; p++)
        for (int q = 1; q < TABLE; q++)
            job->weights[p][q] = beta(p, q);
    job->stride = 8 * (2 * job->most_nodes * job->most_width
                       + job->n_outputs * job->n_features)
        + job->most_nodes * (int64_t)(sizeof(reached) + 1);
    job->stride = (job->stride + 63) / 64 * 64;
    if (n_threads < 1)
        return BL_OK;
    job->scratch = malloc((size_t)(job->stride * n_threads));
    if (!job->scratch)
        return BL_NO_MEMORY;
    bl_parallel_for(against_task, job, n_tasks, n_threads);
    free(job->scratch);
    return BL_OK;
}

int bl_shap_against(const bl_forest *forest, const bl_matrix *x,
                    const bl_matrix *background, int64_t n_outputs, double *out,
                    int n_threads)
{
    double *rows = rows_of(x), *others = rows_of(background);
    int32_t *before = edges_before(forest);
    int status = BL_NO_MEMORY;
    if (rows && others && before) {
        against_job job = {.forest = forest, .x = rows, .background = others,
                           .before = before, .n_rows = x->n_rows,
                           .n_background = background->n_rows,
                           .n_features = x->n_features, .n_outputs = n_outputs,
                           .out = out};
        status = run(&job, n_threads);
    }
    free(rows);
    free(others);
    free(before);
    return status;
}
