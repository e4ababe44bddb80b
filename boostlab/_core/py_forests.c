/* Prediction with many trees, for Python. */
#include "py_core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOREST "boostlab._core.forest"

typedef struct {
    bl_forest forest;
    int64_t n_features, n_outputs;
} forest_box;

static void free_forest(forest_box *box)
{
    if (!box)
        return;
    free((void *)box->forest.nodes);
    free((void *)box->forest.values);
    free((void *)box->forest.starts);
    free((void *)box->forest.outputs);
    free((void *)box->forest.depths);
    free(box);
}

static void destroy_forest(PyObject *capsule)
{
    free_forest(PyCapsule_GetPointer(capsule, FOREST));
}

static void *copy_of(const void *data, size_t size)
{
    void *copy = malloc(size ? size : 1);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

/* Pack the nodes of one tree, and measure how deep it goes. */
static int32_t pack_tree(const int32_t *feature, const int32_t *left,
                         const double *threshold, const uint8_t *missing_left,
                         int64_t n_nodes, bl_node *nodes, int32_t *depth)
{
    int32_t deepest = 0;
    depth[0] = 0;
    for (int64_t i = 0; i < n_nodes; i++) {
        if (left[i] < 0) {          /* a leaf steps onto itself */
            nodes[i] = (bl_node){INFINITY, (int32_t)i, (uint32_t)1 << 31};
            deepest = depth[i] > deepest ? depth[i] : deepest;
            continue;
        }
        uint32_t flag = missing_left[i] ? (uint32_t)1 << 31 : 0;
        nodes[i] = (bl_node){threshold[i], left[i], (uint32_t)feature[i] | flag};
        depth[left[i]] = depth[left[i] + 1] = depth[i] + 1;
    }
    return deepest;
}

static int check_forest(const int64_t *starts, Py_ssize_t n_trees, Py_ssize_t n_nodes,
                        const int32_t *feature, const int32_t *left,
                        const int32_t *outputs, long long n_features,
                        long long n_outputs)
{
    if (n_features < 1 || n_features > (1 << 24) || n_outputs < 1)
        return fail("a forest needs at least one feature and one output");
    if (starts[0] != 0 || starts[n_trees] != n_nodes)
        return fail("starts must begin with 0 and end with the number of nodes");
    for (Py_ssize_t t = 0; t < n_trees; t++) {
        if (outputs[t] < 0 || outputs[t] >= n_outputs)
            return fail("a tree belongs to an output that does not exist");
        if (starts[t + 1] <= starts[t] || starts[t + 1] > n_nodes)
            return fail("every tree of a forest must have at least one node");
        if (!check_links(feature + starts[t], left + starts[t],
                         starts[t + 1] - starts[t], n_features))
            return 0;
    }
    return 1;
}

static forest_box *pack_forest(const int64_t *starts, Py_ssize_t n_trees,
                               const int32_t *feature, const int32_t *left,
                               const double *threshold, const uint8_t *missing_left,
                               const double *value, const int32_t *outputs)
{
    size_t n_nodes = (size_t)starts[n_trees], trees = (size_t)n_trees;
    forest_box *box = calloc(1, sizeof *box);
    bl_node *nodes = malloc((n_nodes ? n_nodes : 1) * sizeof *nodes);
    int32_t *depths = malloc((trees ? trees : 1) * sizeof *depths);
    int32_t *depth = malloc((n_nodes ? n_nodes : 1) * sizeof *depth);
    if (box && nodes && depths && depth) {
        for (size_t t = 0; t < trees; t++) {
            int64_t start = starts[t];
            depths[t] = pack_tree(feature + start, left + start, threshold + start,
                                  missing_left + start, starts[t + 1] - start,
                                  nodes + start, depth);
        }
        box->forest.values = copy_of(value, n_nodes * sizeof *value);
        box->forest.starts = copy_of(starts, (trees + 1) * sizeof *starts);
        box->forest.outputs = copy_of(outputs, trees * sizeof *outputs);
        box->forest.nodes = nodes;
        box->forest.depths = depths;
        box->forest.n_trees = n_trees;
        nodes = NULL;
        depths = NULL;
    }
    free(nodes);
    free(depths);
    free(depth);
    if (box && (!box->forest.nodes || !box->forest.values || !box->forest.starts
                || !box->forest.outputs)) {
        free_forest(box);
        box = NULL;
    }
    return box;
}

static PyObject *core_forest(PyObject *self, PyObject *args)
{
    PyObject *starts_in, *feature_in, *left_in, *threshold_in, *missing_in, *value_in;
    PyObject *outputs_in, *capsule = NULL;
    buffers held = {.count = 0};
    long long n_features, n_outputs;
    int64_t *starts;
    int32_t *feature, *left, *outputs;
    double *threshold, *value;
    uint8_t *missing_left;
    Py_ssize_t n_trees = 0, n_nodes = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOLL:forest", &starts_in, &feature_in, &left_in,
                          &threshold_in, &missing_in, &value_in, &outputs_in,
                          &n_features, &n_outputs))
        return NULL;
    if ((feature = vector(&held, feature_in, "feature", I32, -1, READ))
        && (n_nodes = length_of(&held), 1)
        && (left = vector(&held, left_in, "left", I32, n_nodes, READ))
        && (threshold = vector(&held, threshold_in, "threshold", F64, n_nodes, READ))
        && (missing_left =
                vector(&held, missing_in, "missing_left", U8, n_nodes, READ))
        && (value = vector(&held, value_in, "value", F64, n_nodes, READ))
        && (outputs = vector(&held, outputs_in, "outputs", I32, -1, READ))
        && (n_trees = length_of(&held), 1)
        && (starts = vector(&held, starts_in, "starts", I64, n_trees + 1, READ))
        && check_forest(starts, n_trees, n_nodes, feature, left, outputs, n_features,
                        n_outputs)) {
        forest_box *box = pack_forest(starts, n_trees, feature, left, threshold,
                                      missing_left, value, outputs);
        if (box) {
            box->n_features = n_features;
            box->n_outputs = n_outputs;
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

/* X for a forest: the right number of features. */
static int forest_matrix(buffers *held, const forest_box *box, PyObject *x_in,
                         bl_matrix *x)
{
    if (!matrix(held, x_in, "X", x))
        return 0;
    if (x->n_features == box->n_features)
        return 1;
    PyErr_Format(PyExc_ValueError, "X has %lld features, the forest was grown on %lld",
                 (long long)x->n_features, (long long)box->n_features);
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
    if (forest_matrix(&held, box, x_in, &x)) {
        Py_ssize_t shape[2] = {x.n_rows, box->n_outputs};
        Py_buffer *raw = acquire(&held, raw_out, "raw", F64, 2, shape, WRITE | FORTRAN);
        if (raw) {
            Py_BEGIN_ALLOW_THREADS
            status = bl_predict(&box->forest, &x, raw->buf, n_threads);
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
    if (forest_matrix(&held, box, x_in, &x)) {
        Py_ssize_t shape[2] = {box->forest.n_trees, x.n_rows};
        Py_buffer *ids = acquire(&held, ids_out, "ids", I32, 2, shape, WRITE);
        if (ids) {
            Py_BEGIN_ALLOW_THREADS
            status = bl_apply(&box->forest, &x, ids->buf, n_threads);
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
     "forest(starts, feature, left, threshold, missing_left, value, outputs, "
     "n_features, n_outputs) -> capsule"},
    {"predict", core_predict, METH_VARARGS, "predict(forest, X, raw, n_threads)"},
    {"apply", core_apply, METH_VARARGS, "apply(forest, X, ids, n_threads)"},
    {"add_cells", core_add_cells, METH_VARARGS, "add_cells(raw, ids, values, n_threads)"},
    {NULL, NULL, 0, NULL},
};
