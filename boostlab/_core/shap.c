/* Path-dependent contributions of trees; see shap.h. */
#include "kernels.h"
#include "shap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bl_shap {
    bl_shap_node *nodes;     /* of all trees */
    bl_shap_tree *trees;
    double *tables;          /* follow, leave, share_follow, share_leave, ratio: by tree */
    double *expected;        /* of each output */
    int64_t most_nodes, most_products;
};

static void *room(int64_t count, size_t size)
{
    size_t n = count > 0 ? (size_t)count : 1;
    return n <= SIZE_MAX / size ? calloc(n, size) : NULL;
}

/* ---- quadrature ----------------------------------------------------------------- */

/* The Legendre polynomial of degree n at x, and its derivative. */
static double legendre(int64_t n, double x, double *slope)
{
    double before = 1.0, value = x;
    for (int64_t k = 2; k <= n; k++) {
        double next = ((double)(2 * k - 1) * x * value - (double)(k - 1) * before)
            / (double)k;
        before = value;
        value = next;
    }
    *slope = (double)n * (x * value - before) / (x * x - 1.0);
    return value;
}

/* Points and weights of Gauss and Legendre on (0, 1), exact to degree 2n - 1. */
static void quadrature(int64_t n, double *points, double *weights)
{
    for (int64_t i = 0; i < n; i++) {
        double x = cos(3.14159265358979323846 * ((double)i + 0.75) / ((double)n + 0.5));
        double slope = 1.0, step = 1.0;
        for (int turn = 0; turn < 100 && fabs(step) > 1e-16; turn++) {
            step = legendre(n, x, &slope) / slope;
            x -= step;
        }
        legendre(n, x, &slope);
        points[i] = 0.5 * (1.0 - x);
        weights[i] = 1.0 / ((1.0 - x * x) * slope * slope);
    }
    if (n == 1) {
        points[0] = 0.5;
        weights[0] = 1.0;
    }
}

/* ---- preparing ------------------------------------------------------------------ */

/* Memory for one tree while it is prepared. */
typedef struct {
    int32_t *parent, *distinct;      /* distinct features above each node */
    double *shares;                  /* of the edge to each node, and of its feature */
    double *points, *weights;
} scratch;

/* The child on the path to `node` of the nearest node above it with its feature. */
static int32_t edge_before(const bl_shap_node *nodes, const int32_t *parent, int32_t node)
{
    for (int32_t child = node; child > 0; child = parent[child])
        if (nodes[parent[child]].feature == nodes[node].feature)
            return child;
    return -1;
}

/* Copy the nodes, find what is above each; returns the most distinct features. */
static int32_t prepare_nodes(const bl_node *in, const double *weight, int64_t n_nodes,
                             bl_shap_node *nodes, scratch *s)
{
    int32_t most = 0;
    s->parent[0] = -1;
    s->distinct[0] = 0;
    s->shares[0] = 1.0;
    for (int32_t i = 0; i < n_nodes; i++) {
        bl_shap_node *node = nodes + i;
        most = s->distinct[i] > most ? s->distinct[i] : most;
        if (in[i].left == i) {
            *node = (bl_shap_node){.left = -1, .before = -1, .subset = -1};
            continue;
        }
        int set = (in[i].feature & BL_SUBSET) != 0;
        *node = (bl_shap_node){
            .threshold = set ? 0.0 : in[i].threshold, .subset = set ? in[i].subset : -1,
            .feature = (int32_t)(in[i].feature & BL_FEATURE), .left = in[i].left,
            .missing_left = (in[i].feature & BL_MISSING_LEFT) != 0};
        node->before = edge_before(nodes, s->parent, i);
        double left = weight[node->left], right = weight[node->left + 1];
        double share = left + right > 0 ? left / (left + right) : 0.5;
        for (int side = 0; side < 2; side++) {
            int32_t child = node->left + side;
            s->parent[child] = i;
            s->distinct[child] = s->distinct[i] + (node->before < 0);
            s->shares[child] = side ? 1.0 - share : share;
        }
    }
    return most;
}

/* Fill the tables of one tree. `total` is the share z of the feature up to each edge. */
static void fill_tables(bl_shap_tree *tree, double *tables, double *total, const scratch *s)
{
    int64_t n = tree->n_nodes, points = tree->n_points, size = n * points;
    double *follow = tables, *leave = follow + size, *share_follow = leave + size;
    double *share_leave = share_follow + size, *ratio = share_leave + size;
    for (int64_t i = 0; i < n; i++) {
        const bl_shap_node *node = tree->nodes + i;
        if (node->left < 0)
            continue;
        double z_before = node->before < 0 ? 1.0 : total[node->before];
        for (int64_t child = node->left; child < node->left + 2; child++) {
            double z = z_before * s->shares[child];
            total[child] = z;
            ratio[child] = s->shares[child];
            for (int64_t q = 0; q < points; q++) {
                double t = s->points[q], w = s->weights[q];
                double factor = z * (1.0 - t) + t;
                double factor_before = z_before * (1.0 - t) + t;
                double share_before = w * (1.0 - z_before) / factor_before;
                int64_t at = child * points + q;
                follow[at] = factor / factor_before;
                leave[at] = z * (1.0 - t) / factor_before;
                share_follow[at] = w * (1.0 - z) / factor - share_before;
                share_leave[at] = -w / (1.0 - t) - share_before;
            }
        }
    }
    tree->follow = follow;
    tree->leave = leave;
    tree->share_follow = share_follow;
    tree->share_leave = share_leave;
    tree->ratio = ratio;
}

/* The mean of the leaves' values, weighted by the shares of the edges to them. */
static void expect(const bl_shap_tree *tree, const scratch *s, const double *values,
                   int64_t width, double *reach, double *expected)
{
    reach[0] = 1.0;
    for (int64_t i = 0; i < tree->n_nodes; i++) {
        int32_t left = tree->nodes[i].left;
        for (int64_t k = 0; left < 0 && k < width; k++)
            expected[k] += reach[i] * values[i * width + k];
        for (int64_t child = left; left >= 0 && child < left + 2; child++)
            reach[child] = reach[i] * s->shares[child];
    }
}

static int make_scratch(scratch *s, int64_t most)
{
    s->parent = room(most, sizeof *s->parent);
    s->distinct = room(most, sizeof *s->distinct);
    s->shares = room(2 * most, sizeof *s->shares);
    s->points = room(most, sizeof *s->points);
    s->weights = room(most, sizeof *s->weights);
    return s->parent && s->distinct && s->shares && s->points && s->weights;
}

static void free_scratch(scratch *s)
{
    free(s->parent);
    free(s->distinct);
    free(s->shares);
    free(s->points);
    free(s->weights);
}

/* Nodes and numbers of points first, which say how large the tables are. */
static int prepare(bl_shap *shap, const bl_forest *forest, const double *weight,
                   scratch *s)
{
    int64_t n_doubles = 0;
    for (int64_t t = 0; t < forest->n_trees; t++) {
        int64_t start = forest->starts[t], n = forest->starts[t + 1] - start;
        bl_shap_tree *tree = shap->trees + t;
        int32_t most = prepare_nodes(forest->nodes + start, weight + start, n,
                                     shap->nodes + start, s);
        *tree = (bl_shap_tree){.nodes = shap->nodes + start, .n_nodes = n,
                               .n_points = most > 2 ? (most + 1) / 2 : 1};
        n_doubles += n * (4 * tree->n_points + 1);
        if (n > shap->most_nodes)
            shap->most_nodes = n;
        if (n * tree->n_points > shap->most_products)
            shap->most_products = n * tree->n_points;
    }
    shap->tables = room(n_doubles, sizeof *shap->tables);
    if (!shap->tables)
        return 0;
    double *tables = shap->tables;
    for (int64_t t = 0; t < forest->n_trees; t++) {
        int64_t start = forest->starts[t];
        bl_shap_tree *tree = shap->trees + t;
        prepare_nodes(forest->nodes + start, weight + start, tree->n_nodes,
                      shap->nodes + start, s);
        quadrature(tree->n_points, s->points, s->weights);
        fill_tables(tree, tables, s->shares + shap->most_nodes, s);
        expect(tree, s, forest->values + forest->value_starts[t], forest->widths[t],
               s->shares + shap->most_nodes, shap->expected + forest->outputs[t]);
        tables += tree->n_nodes * (4 * tree->n_points + 1);
    }
    return 1;
}

bl_shap *bl_shap_new(const bl_forest *forest, const double *weight, int64_t n_outputs)
{
    bl_shap *shap = room(1, sizeof *shap);
    scratch s = {0};
    int64_t most = 1, done = 0;
    if (!shap)
        return NULL;
    for (int64_t t = 0; t < forest->n_trees; t++)
        if (forest->starts[t + 1] - forest->starts[t] > most)
            most = forest->starts[t + 1] - forest->starts[t];
    shap->nodes = room(forest->starts[forest->n_trees], sizeof *shap->nodes);
    shap->trees = room(forest->n_trees, sizeof *shap->trees);
    shap->expected = room(n_outputs, sizeof *shap->expected);
    if (shap->nodes && shap->trees && shap->expected && make_scratch(&s, most))
        done = prepare(shap, forest, weight, &s);
    free_scratch(&s);
    if (done)
        return shap;
    bl_shap_free(shap);
    return NULL;
}

void bl_shap_free(bl_shap *shap)
{
    if (!shap)
        return;
    free(shap->nodes);
    free(shap->trees);
    free(shap->tables);
    free(shap->expected);
    free(shap);
}

/* ---- rows ----------------------------------------------------------------------- */

typedef struct {
    const bl_forest *forest;
    const bl_shap *shap;
    const bl_matrix *x;
    int64_t n_outputs;
    double *out;
    char *scratch;
    int64_t stride;
} path_job;

/* Copy a block of rows, features one after another; missing rows are zeros. */
static void copy_block(const bl_matrix *x, int64_t first, int64_t n, double *out)
{
    for (int64_t j = 0; j < x->n_features; j++, out += BL_SHAP_ROWS) {
        const char *at = x->data + first * x->row_stride + j * x->feature_stride;
        for (int64_t i = 0; i < n; i++, at += x->row_stride) {
            float single;
            if (x->dtype == BL_FLOAT32) {
                memcpy(&single, at, sizeof single);
                out[i] = (double)single;
            } else {
                memcpy(out + i, at, sizeof *out);
            }
        }
        for (int64_t i = n; i < BL_SHAP_ROWS; i++)
            out[i] = 0.0;
    }
}

/* Which rows go left at each node. */
static void decide(const bl_shap_tree *tree, const uint64_t *subsets, const double *x,
                   uint8_t *go)
{
    for (int64_t i = 0; i < tree->n_nodes; i++, go += BL_SHAP_ROWS) {
        const bl_shap_node *node = tree->nodes + i;
        const double *values = x + (int64_t)node->feature * BL_SHAP_ROWS;
        uint8_t missing = (uint8_t)node->missing_left;
        double threshold = node->threshold;
        if (node->left < 0)
            continue;
        if (node->subset < 0)
            for (int r = 0; r < BL_SHAP_ROWS; r++)
                go[r] = (uint8_t)((values[r] <= threshold)
                                  | ((values[r] != values[r]) & missing));
        else
            for (int r = 0; r < BL_SHAP_ROWS; r++) {
                double value = values[r];
                const uint64_t *set = subsets + 4 * node->subset;
                go[r] = value != value ? missing
                    : value >= 0 && value < 256
                        ? (uint8_t)bl_in_subset(set, (unsigned)value) : 0;
            }
    }
}

/* Divide a thread's memory among what needs it; returns its bytes. */
static int64_t divide(const path_job *job, char *memory, bl_shap_memory *m, double **x,
                      double **phi, uint8_t **go)
{
    int64_t n = job->shap->most_nodes, products = job->shap->most_products;
    int64_t n_features = job->x->n_features;
    double *at = (double *)memory;
    m->products = at;
    m->sums = m->products + products * BL_SHAP_LANES;
    m->present = (int64_t *)(m->sums + products * BL_SHAP_LANES);
    m->follows = m->present + n * BL_SHAP_LANES;
    *x = (double *)(m->follows + n * BL_SHAP_LANES);
    *phi = *x + n_features * BL_SHAP_ROWS;
    *go = (uint8_t *)(*phi + job->n_outputs * n_features * BL_SHAP_ROWS);
    return 8 * ((2 * products + 2 * n) * BL_SHAP_LANES
                + (1 + job->n_outputs) * n_features * BL_SHAP_ROWS)
        + n * BL_SHAP_ROWS;
}

/* Write the shares of a block: rows one after another, the expected value last. */
static void write_block(const path_job *job, const double *phi, int64_t first, int64_t n)
{
    int64_t n_features = job->x->n_features;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < job->n_outputs; k++) {
            double *out = job->out + ((first + i) * job->n_outputs + k) * (n_features + 1);
            const double *from = phi + k * n_features * BL_SHAP_ROWS + i;
            for (int64_t j = 0; j < n_features; j++)
                out[j] = from[j * BL_SHAP_ROWS];
            out[n_features] = job->shap->expected[k];
        }
}

static void path_task(void *context, int64_t task, int thread)
{
    path_job *job = context;
    const bl_forest *forest = job->forest;
    const bl_kernels *kernels = bl_cpu();
    int64_t first = task * BL_SHAP_ROWS, n = job->x->n_rows - first;
    bl_shap_memory memory;
    double *x, *phi;
    uint8_t *go;
    divide(job, job->scratch + thread * job->stride, &memory, &x, &phi, &go);
    n = n < BL_SHAP_ROWS ? n : BL_SHAP_ROWS;
    int64_t n_shares = job->x->n_features * BL_SHAP_ROWS;
    memset(phi, 0, (size_t)(job->n_outputs * n_shares) * sizeof *phi);
    copy_block(job->x, first, n, x);
    for (int64_t t = 0; t < forest->n_trees; t++) {
        const bl_shap_tree *tree = job->shap->trees + t;
        const double *values = forest->values + forest->value_starts[t];
        decide(tree, forest->subsets, x, go);
        for (int64_t r = 0; r < n; r += BL_SHAP_LANES) {
            kernels->shap_down(tree, go + r, &memory);
            for (int32_t k = 0; k < forest->widths[t]; k++)
                kernels->shap_up(tree, values + k, forest->widths[t], &memory,
                                 phi + (forest->outputs[t] + k) * n_shares + r);
        }
    }
    write_block(job, phi, first, n);
}

int bl_shap_path(const bl_forest *forest, const bl_shap *shap, const bl_matrix *x,
                 int64_t n_outputs, double *out, int n_threads)
{
    path_job job = {.forest = forest, .shap = shap, .x = x, .n_outputs = n_outputs,
                    .out = out};
    int64_t n_tasks = (x->n_rows + BL_SHAP_ROWS - 1) / BL_SHAP_ROWS;
    bl_shap_memory memory;
    double *rows, *phi;
    uint8_t *go;
    n_threads = n_tasks < n_threads ? (int)n_tasks : n_threads;
    if (n_threads < 1)
        return BL_OK;
    job.stride = (divide(&job, NULL, &memory, &rows, &phi, &go) + 63) / 64 * 64;
    job.scratch = malloc((size_t)(job.stride * n_threads));
    if (!job.scratch)
        return BL_NO_MEMORY;
    bl_parallel_for(path_task, &job, n_tasks, n_threads);
    free(job.scratch);
    return BL_OK;
}
