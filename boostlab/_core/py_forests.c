/* Prediction with many trees, for Python. */
#include "py_core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void free_forest(forest_box *box)
{
    if (!box)
        return;
    free((void *)box->forest.nodes);
    free((void *)box->forest.values);
    free((void *)box->forest.subsets);
    free((void *)box->forest.starts);
    free((void *)box->forest.value_starts);
    free((void *)box->forest.outputs);
    free((void *)box->forest.widths);
    free((void *)box->forest.depths);
    bl_layout_free(box->layout);
    free(box);
}

static void destroy_forest(PyObject *capsule)
{
    free_forest(PyCapsule_GetPointer(capsule, FOREST));
}

/* Trees as Python hands them over, one after another. */
typedef struct {
    const int64_t *starts;
    const int32_t *feature, *left, *subset, *outputs, *widths;
    const double *threshold, *value;
    const uint8_t *missing_left;
    const uint64_t *subsets;
    Py_ssize_t n_trees, n_nodes, n_values;
    int64_t n_subsets;
} tree_list;

static void *copy_of(const void *data, size_t size)
{
    void *copy = malloc(size ? size : 1);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

/* Pack the nodes first .. last - 1 of one tree; returns how deep it goes. */
static int32_t pack_tree(const tree_list *trees, int64_t first, int64_t last,
                         bl_node *nodes, int32_t *depth)
{
    int32_t deepest = 0;
    depth[first] = 0;
    for (int64_t i = first; i < last; i++) {
        int32_t left = trees->left[i];
        if (left < 0) {          /* a leaf steps onto itself */
            nodes[i].threshold = INFINITY;
            nodes[i].left = (int32_t)(i - first);
            nodes[i].feature = BL_MISSING_LEFT;
            deepest = depth[i] > deepest ? depth[i] : deepest;
            continue;
        }
        nodes[i].left = left;
        nodes[i].feature = (uint32_t)trees->feature[i];
        if (trees->missing_left[i])
            nodes[i].feature |= BL_MISSING_LEFT;
        if (trees->subset[i] >= 0) {
            nodes[i].feature |= BL_SUBSET;
            nodes[i].subset = trees->subset[i];
        } else {
            nodes[i].threshold = trees->threshold[i];
        }
        depth[first + left] = depth[first + left + 1] = depth[i] + 1;
    }
    return deepest;
}

static int check_forest(const tree_list *trees, long long n_features,
                        long long n_outputs)
{
    const int64_t *starts = trees->starts;
    int64_t n_values = 0;
    if (n_features < 1 || n_features > (1 << 24) || n_outputs < 1)
        return fail("a forest needs at least one feature and one output");
    if (starts[0] != 0 || starts[trees->n_trees] != trees->n_nodes)
        return fail("starts must begin with 0 and end with the number of nodes");
    for (Py_ssize_t t = 0; t < trees->n_trees; t++) {
        int32_t output = trees->outputs[t], width = trees->widths[t];
        if (output < 0 || width < 1 || output + (long long)width > n_outputs)
            return fail("a tree belongs to an output that does not exist");
        if (starts[t + 1] <= starts[t] || starts[t + 1] > trees->n_nodes)
            return fail("every tree of a forest must have at least one node");
        if (!check_links(trees->feature + starts[t], trees->left + starts[t],
                         starts[t + 1] - starts[t], n_features))
            return 0;
        if (width > trees->n_values)
            return fail("a node has more outputs than there are values");
        n_values += (starts[t + 1] - starts[t]) * width;
    }
    if (n_values != trees->n_values)
        return fail("there must be as many values as the nodes have outputs");
    return check_subsets(trees->subset, trees->left, trees->n_nodes, trees->n_subsets);
}

/* Fill what is not a plain copy; returns 0 without memory. */
static int pack_nodes(const tree_list *trees, bl_node *nodes, int32_t *depths,
                      int64_t *value_starts)
{
    size_t n_nodes = (size_t)trees->n_nodes;
    int32_t *depth = malloc((n_nodes ? n_nodes : 1) * sizeof *depth);
    if (!depth || !nodes || !depths || !value_starts) {
        free(depth);
        return 0;
    }
    value_starts[0] = 0;
    for (Py_ssize_t t = 0; t < trees->n_trees; t++) {
        int64_t first = trees->starts[t], last = trees->starts[t + 1];
        depths[t] = pack_tree(trees, first, last, nodes, depth);
        value_starts[t + 1] = value_starts[t] + (last - first) * trees->widths[t];
    }
    free(depth);
    return 1;
}

static forest_box *pack_forest(const tree_list *trees)
{
    size_t n_nodes = (size_t)trees->n_nodes, n = (size_t)trees->n_trees;
    forest_box *box = calloc(1, sizeof *box);
    if (!box)
        return NULL;
    bl_node *nodes = malloc((n_nodes ? n_nodes : 1) * sizeof *nodes);
    int32_t *depths = malloc((n ? n : 1) * sizeof *depths);
    int64_t *value_starts = malloc((n + 1) * sizeof *value_starts);
    box->forest = (bl_forest){
        .nodes = nodes, .depths = depths, .value_starts = value_starts,
        .values = copy_of(trees->value, (size_t)trees->n_values * sizeof(double)),
        .subsets = copy_of(trees->subsets, (size_t)trees->n_subsets * 32),
        .starts = copy_of(trees->starts, (n + 1) * sizeof(int64_t)),
        .outputs = copy_of(trees->outputs, n * sizeof(int32_t)),
        .widths = copy_of(trees->widths, n * sizeof(int32_t)),
        .n_trees = trees->n_trees, .n_subsets = trees->n_subsets,
    };
    if (box->forest.values && box->forest.subsets && box->forest.starts
        && box->forest.outputs && box->forest.widths
        && pack_nodes(trees, nodes, depths, value_starts))
        return box;
    free_forest(box);
    return NULL;
}

static int tree_arrays(buffers *held, PyObject *const in[10], tree_list *trees)
{
    return (trees->feature = vector(held, in[1], "feature", I32, -1, READ))
        && (trees->n_nodes = length_of(held), 1)
        && (trees->left = vector(held, in[2], "left", I32, trees->n_nodes, READ))
        && (trees->threshold =
                vector(held, in[3], "threshold", F64, trees->n_nodes, READ))
        && (trees->missing_left =
                vector(held, in[4], "missing_left", U8, trees->n_nodes, READ))
        && (trees->subset = vector(held, in[5], "subset", I32, trees->n_nodes, READ))
        && subset_table(held, in[6], &trees->subsets, &trees->n_subsets)
        && (trees->value = vector(held, in[7], "value", F64, -1, READ))
        && (trees->n_values = length_of(held), 1)
        && (trees->outputs = vector(held, in[8], "outputs", I32, -1, READ))
        && (trees->n_trees = length_of(held), 1)
        && (trees->widths = vector(held, in[9], "widths", I32, trees->n_trees, READ))
        && (trees->starts =
                vector(held, in[0], "starts", I64, trees->n_trees + 1, READ));
}

static PyObject *core_forest(PyObject *self, PyObject *args)
{
    PyObject *in[10], *capsule = NULL;
    buffers held = {.count = 0};
    tree_list trees = {0};
    long long n_features, n_outputs;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOOOOLL:forest", &in[0], &in[1], &in[2], &in[3],
                          &in[4], &in[5], &in[6], &in[7], &in[8], &in[9], &n_features,
                          &n_outputs))
        return NULL;
    if (tree_arrays(&held, in, &trees) && check_forest(&trees, n_features, n_outputs)) {
        forest_box *box = pack_forest(&trees);
        if (box) {
            box->n_features = n_features;
            box->n_outputs = n_outputs;
            box->layout = bl_layout_new(&box->forest);
            capsule = PyCapsule_New(box, FOREST, destroy_forest);
            if (!capsule)
                free_forest(box);
        } else {
            PyErr_NoMemory();
        }
    }
    release(&held);
    return capsule;
}

int forest_matrix(buffers *held, const forest_box *box, PyObject *x_in,
                  const char *name, bl_matrix *x)
{
    if (!matrix(held, x_in, name, x))
        return 0;
    if (x->n_features == box->n_features)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s has %lld features, the forest was grown on %lld",
                 name, (long long)x->n_features, (long long)box->n_features);
    return 0;
}

static PyObject *core_predict(PyObject *self, PyObject *args)
{
    PyObject *capsule, *x_in, *raw_out;
    buffers held = {.count = 0};
    bl_matrix x;
    int n_threads, status = BL_OK, ready = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOi:predict", &capsule, &x_in, &raw_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    forest_box *box = PyCapsule_GetPointer(capsule, FOREST);
    if (!box)
        return NULL;
    if (forest_matrix(&held, box, x_in, "X", &x)) {
        Py_ssize_t shape[2] = {x.n_rows, box->n_outputs};
        Py_buffer *raw = acquire(&held, raw_out, "raw", F64, 2, shape, WRITE | FORTRAN);
        if (raw) {
            Py_BEGIN_ALLOW_THREADS
            status = bl_predict(&box->forest, box->layout, &x, raw->buf, n_threads);
            Py_END_ALLOW_THREADS
            ready = 1;
        }
    }
    release(&held);
    if (!ready)
        return NULL;
    return status == BL_OK ? Py_NewRef(Py_None) : status_error(status);
}

static PyObject *core_apply(PyObject *self, PyObject *args)
{
    PyObject *capsule, *x_in, *ids_out;
    buffers held = {.count = 0};
    bl_matrix x;
    int n_threads, status = BL_OK, ready = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOi:apply", &capsule, &x_in, &ids_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    forest_box *box = PyCapsule_GetPointer(capsule, FOREST);
    if (!box)
        return NULL;
    if (forest_matrix(&held, box, x_in, "X", &x)) {
        Py_ssize_t shape[2] = {box->forest.n_trees, x.n_rows};
        Py_buffer *ids = acquire(&held, ids_out, "ids", I32, 2, shape, WRITE);
        if (ids) {
            Py_BEGIN_ALLOW_THREADS
            status = bl_apply(&box->forest, box->layout, &x, ids->buf, n_threads);
            Py_END_ALLOW_THREADS
            ready = 1;
        }
    }
    release(&held);
    if (!ready)
        return NULL;
    return status == BL_OK ? Py_NewRef(Py_None) : status_error(status);
}

static PyObject *core_add_cells(PyObject *self, PyObject *args)
{
    PyObject *raw_out, *ids_in, *values_in;
    buffers held = {.count = 0};
    int n_threads, done = 0;
    double *raw, *values;
    int32_t *ids;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOi:add_cells", &raw_out, &ids_in, &values_in,
                          &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if ((raw = vector(&held, raw_out, "raw", F64, -1, WRITE))) {
        Py_ssize_t n = length_of(&held);
        ids = vector(&held, ids_in, "ids", I32, n, READ);
        values = ids ? vector(&held, values_in, "values", F64, -1, READ) : NULL;
        if (values) {
            uint32_t greatest = 0;    /* a negative id is a huge one */
            Py_ssize_t n_values = length_of(&held);
            for (Py_ssize_t i = 0; i < n; i++)
                greatest = (uint32_t)ids[i] > greatest ? (uint32_t)ids[i] : greatest;
            if (n && greatest >= (size_t)n_values) {
                fail("a cell id lies outside the cell values");
            } else {
                Py_BEGIN_ALLOW_THREADS
                bl_add_cells(raw, ids, values, n, n_threads);
                Py_END_ALLOW_THREADS
                done = 1;
            }
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef py_forests_methods[] = {
    {"forest", core_forest, METH_VARARGS,
     "forest(starts, feature, left, threshold, missing_left, subset, subsets, value, "
     "outputs, widths, n_features, n_outputs) -> capsule"},
    {"predict", core_predict, METH_VARARGS, "predict(forest, X, raw, n_threads)"},
    {"apply", core_apply, METH_VARARGS, "apply(forest, X, ids, n_threads)"},
    {"add_cells", core_add_cells, METH_VARARGS, "add_cells(raw, ids, values, n_threads)"},
    {NULL, NULL, 0, NULL},
};
