/* Growing and applying one tree, for Python. */
#include "py_core.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

static int check_rows(const int32_t *rows, Py_ssize_t n, int64_t n_rows)
{
    if (n < 1 || rows[0] < 0 || rows[n - 1] >= n_rows)
        return fail("rows must be at least one index within the table");
    for (Py_ssize_t i = 1; i < n; i++)
        if (rows[i] <= rows[i - 1])
            return fail("rows must ascend strictly");
    return 1;
}

static int check_params(const bl_params *p)
{
    if (p->max_leaves < 1 || p->max_depth < 0 || p->n_node_features < 1)
        return fail("max_leaves and n_node_features start at 1, max_depth at 0");
    if (!(p->min_leaf_weight >= 0) || !(p->min_leaf_hessian >= 0) || !(p->l2 >= 0)
        || isinf(p->l2))
        return fail("min_leaf_weight, min_leaf_hessian and l2 must be at least 0");
    return 1;
}

static int binned_table(buffers *held, PyObject *columns, bl_bins *bins)
{
    Py_buffer *view = acquire(held, columns, "columns", U8, 2, NULL, READ);
    if (!view)
        return 0;
    *bins = (bl_bins){.columns = view->buf, .n_features = (int32_t)view->shape[0],
                      .n_rows = view->shape[1]};
    if (view->shape[0] < 1 || view->shape[0] > (1 << 24) || view->shape[1] < 1
        || view->shape[1] > BL_MAX_ROWS)
        return fail("columns must have at least one feature and one row, and at most "
                    "2^24 features and 2^27 - 1 rows");
    return 1;
}

static int grow_bins(buffers *held, PyObject *columns, PyObject *tiles, PyObject *n_bins,
                     bl_bins *bins)
{
    if (!binned_table(held, columns, bins))
        return 0;
    Py_ssize_t n_tiles = (bins->n_features + BL_TILE - 1) / BL_TILE;
    Py_ssize_t shape[3] = {n_tiles, bins->n_rows, BL_TILE};
    Py_buffer *view = acquire(held, tiles, "tiles", U8, 3, shape, READ);
    if (!view)
        return 0;
    bins->tiles = view->buf;
    bins->n_tiles = (int32_t)n_tiles;
    bins->n_bins = vector(held, n_bins, "n_bins", I32, bins->n_features, READ);
    if (!bins->n_bins)
        return 0;
    for (int32_t j = 0; j < bins->n_features; j++)
        if (bins->n_bins[j] < 0 || bins->n_bins[j] > BL_MAX_BINS)
            return fail("n_bins must lie between 0 and 255");
    return 1;
}

static int border_count_matches(const bl_bins *bins, const int64_t *offsets)
{
    for (int32_t j = 0; j < bins->n_features; j++) {
        int64_t wanted = bins->n_bins[j] > 0 ? bins->n_bins[j] - 1 : 0;
        if (offsets[j + 1] - offsets[j] != wanted)
            return fail("a feature of n bins must have n - 1 borders");
    }
    return 1;
}

#define WORKSPACE "boostlab._core.workspace"

/* A second call while the workspace is in use takes memory of its own. */
typedef struct {
    bl_workspace *memory;
    atomic_int in_use;
} workspace_box;

static void destroy_workspace(PyObject *capsule)
{
    workspace_box *box = PyCapsule_GetPointer(capsule, WORKSPACE);
    if (box)
        bl_workspace_free(box->memory);
    free(box);
}

static PyObject *core_workspace(PyObject *self, PyObject *args)
{
    workspace_box *box = calloc(1, sizeof *box);
    PyObject *capsule = NULL;
    (void)self;
    (void)args;
    if (box && (box->memory = bl_workspace_new()))
        capsule = PyCapsule_New(box, WORKSPACE, destroy_workspace);
    else
        PyErr_NoMemory();
    if (!capsule && box) {
        bl_workspace_free(box->memory);
        free(box);
    }
    return capsule;
}

static PyObject *core_grow(PyObject *self, PyObject *args)
{
    PyObject *columns, *tiles, *n_bins, *gradient, *hessian, *weight, *rows, *features;
    PyObject *borders, *offsets, *out[8], *ids_out, *capsule;
    buffers held = {.count = 0};
    workspace_box *box = NULL;
    bl_workspace *memory = NULL;
    bl_bins bins;
    bl_params params;
    bl_tree tree = {0};
    double *g, *h, *w, *edges;
    int32_t *sample, *ids;
    int64_t *starts;
    uint8_t *mask;
    Py_ssize_t n_sampled = 0, n_edges;
    PyObject *seed;
    int n_threads, status = BL_OK, ready = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOOOOiidddiiOOOOOOOOOOOi:grow", &columns, &tiles,
                          &n_bins, &gradient, &hessian, &weight, &rows, &features,
                          &borders, &offsets, &params.max_leaves, &params.max_depth,
                          &params.min_leaf_weight, &params.min_leaf_hessian, &params.l2,
                          &params.depth_wise, &params.n_node_features, &seed, &out[0],
                          &out[1], &out[2], &out[3], &out[4], &out[5], &out[6], &out[7],
                          &ids_out, &capsule, &n_threads)
        || !check_threads(n_threads)
        || (capsule != Py_None && !(box = PyCapsule_GetPointer(capsule, WORKSPACE))))
        return NULL;
    params.seed = PyLong_AsUnsignedLongLong(seed);
    if (PyErr_Occurred())
        return NULL;
    params.max_depth = params.max_depth == -1 ? INT32_MAX : params.max_depth;
    if (check_params(&params) && grow_bins(&held, columns, tiles, n_bins, &bins)
        && (g = vector(&held, gradient, "gradient", F64, bins.n_rows, READ))
        && optional(&held, hessian, "hessian", F64, bins.n_rows, READ, (void **)&h)
        && optional(&held, weight, "weight", F64, bins.n_rows, READ, (void **)&w)
        && optional(&held, rows, "rows", I32, -1, READ, (void **)&sample)
        && (!sample || check_rows(sample, n_sampled = length_of(&held), bins.n_rows))
        && optional(&held, features, "features", U8, bins.n_features, READ,
                    (void **)&mask)
        && (edges = vector(&held, borders, "borders", F64, -1, READ))
        && (n_edges = length_of(&held), 1)
        && (starts = vector(&held, offsets, "offsets", I64, bins.n_features + 1, READ))
        && check_borders(edges, n_edges, starts, bins.n_features)
        && border_count_matches(&bins, starts)
        && (tree.feature = vector(&held, out[0], "feature", I32, -1, WRITE))
        && (tree.capacity = length_of(&held)) > 0
        && (tree.left = vector(&held, out[1], "left", I32, tree.capacity, WRITE))
        && (tree.threshold =
                vector(&held, out[2], "threshold", F64, tree.capacity, WRITE))
        && (tree.value = vector(&held, out[3], "value", F64, tree.capacity, WRITE))
        && (tree.gain = vector(&held, out[4], "gain", F64, tree.capacity, WRITE))
        && (tree.weight = vector(&held, out[5], "weight_out", F64, tree.capacity, WRITE))
        && (tree.bin = vector(&held, out[6], "bin", U8, tree.capacity, WRITE))
        && (tree.missing_left =
                vector(&held, out[7], "missing_left", U8, tree.capacity, WRITE))
        && (ids = vector(&held, ids_out, "ids", I32, bins.n_rows, WRITE))) {
        int shared = box && atomic_exchange(&box->in_use, 1) == 0;
        Py_BEGIN_ALLOW_THREADS
        memory = shared ? box->memory : bl_workspace_new();
        status = memory ? bl_grow(&bins, g, h, w, sample, n_sampled, mask, edges, starts,
                                  &params, &tree, ids, memory, n_threads)
                        : BL_NO_MEMORY;
        if (shared)
            atomic_store(&box->in_use, 0);
        else
            bl_workspace_free(memory);
        Py_END_ALLOW_THREADS
        ready = 1;
    } else if (!PyErr_Occurred()) {
        fail("the output arrays must hold at least one node");
    }
    release(&held);
    if (!ready)
        return NULL;
    return status == BL_OK ? PyLong_FromLongLong(tree.n_nodes) : status_error(status);
}

int check_links(const int32_t *feature, const int32_t *left, int64_t n_nodes,
                int64_t n_features)
{
    uint8_t *has_parent = calloc((size_t)n_nodes, 1);
    int64_t n_children = 0;
    if (!has_parent) {
        PyErr_NoMemory();
        return 0;
    }
    for (int64_t i = 0; i < n_nodes && !PyErr_Occurred(); i++) {
        if (left[i] < 0)
            continue;
        if (left[i] <= i || left[i] + (int64_t)1 >= n_nodes)
            fail("a tree links to a node outside itself or before its parent");
        else if (feature[i] < 0 || feature[i] >= n_features)
            fail("a tree splits on a feature that the table does not have");
        else if (has_parent[left[i]] || has_parent[left[i] + 1])
            fail("a node of a tree has two parents");
        else {
            has_parent[left[i]] = has_parent[left[i] + 1] = 1;
            n_children += 2;
        }
    }
    free(has_parent);
    if (!PyErr_Occurred() && n_children != n_nodes - 1)
        fail("a node of a tree has no parent");
    return !PyErr_Occurred();
}

int check_subsets(const int32_t *subset, const int32_t *left, int64_t n_nodes,
                  int64_t n_subsets)
{
    for (int64_t i = 0; i < n_nodes; i++) {
        if (subset[i] < -1 || subset[i] >= n_subsets)
            return fail("a tree splits by a set of categories that is not there");
        if (subset[i] >= 0 && left[i] < 0)
            return fail("a leaf of a tree has a set of categories");
    }
    return 1;
}

int subset_table(buffers *held, PyObject *object, const uint64_t **subsets,
                 int64_t *n_subsets)
{
    Py_ssize_t shape[2] = {-1, 4};
    Py_buffer *view = acquire(held, object, "subsets", U64, 2, shape, READ);
    if (!view)
        return 0;
    *subsets = view->buf;
    *n_subsets = view->shape[0];
    return 1;
}

static PyObject *core_apply_bins(PyObject *self, PyObject *args)
{
    PyObject *columns, *feature, *left, *bin, *missing_left, *subset, *subsets, *ids_out;
    buffers held = {.count = 0};
    bl_bins bins;
    bl_tree tree = {0};
    int32_t *ids;
    int64_t n_subsets;
    int n_threads, status = BL_OK, ready = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOOi:apply_bins", &columns, &feature, &left, &bin,
                          &missing_left, &subset, &subsets, &ids_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (binned_table(&held, columns, &bins)
        && (tree.feature = vector(&held, feature, "feature", I32, -1, READ))
        && (tree.n_nodes = length_of(&held)) > 0
        && (tree.left = vector(&held, left, "left", I32, tree.n_nodes, READ))
        && (tree.bin = vector(&held, bin, "bin", U8, tree.n_nodes, READ))
        && (tree.missing_left =
                vector(&held, missing_left, "missing_left", U8, tree.n_nodes, READ))
        && (tree.subset = vector(&held, subset, "subset", I32, tree.n_nodes, READ))
        && subset_table(&held, subsets, &tree.subsets, &n_subsets)
        && (ids = vector(&held, ids_out, "ids", I32, bins.n_rows, WRITE))
        && check_links(tree.feature, tree.left, tree.n_nodes, bins.n_features)
        && check_subsets(tree.subset, tree.left, tree.n_nodes, n_subsets)) {
        Py_BEGIN_ALLOW_THREADS
        status = bl_apply_bins(&tree, &bins, ids, n_threads);
        Py_END_ALLOW_THREADS
        ready = 1;
    } else if (!PyErr_Occurred()) {
        fail("a tree must have at least one node");
    }
    release(&held);
    if (!ready)
        return NULL;
    return status == BL_OK ? Py_NewRef(Py_None) : status_error(status);
}

PyMethodDef py_trees_methods[] = {
    {"workspace", core_workspace, METH_NOARGS, "workspace() -> capsule"},
    {"grow", core_grow, METH_VARARGS, "grow(...) -> int; see boostlab_core.h"},
    {"apply_bins", core_apply_bins, METH_VARARGS,
     "apply_bins(columns, feature, left, bin, missing_left, subset, subsets, ids, "
     "n_threads)"},
    {NULL, NULL, 0, NULL},
};
