/* boostlab._core: the only file that knows Python. Buffers in, numbers out.
 *
 * Every buffer is checked for type, shape, layout and, where C indexes by it, values;
 * then the GIL is released for the computation.
 */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

/* ---- buffers ------------------------------------------------------------------ */

enum { MAX_BUFFERS = 24, MAX_THREADS = 256 };

/* The buffers of one call, released together. */
typedef struct {
    Py_buffer views[MAX_BUFFERS];
    int count;
} buffers;

typedef enum { F32 = 'f', F64 = 'd', I32 = 'i', I64 = 'q', U8 = 'B', REAL = 'r' } kind;
typedef enum { READ = 0, WRITE = 1, ANY_STRIDE = 2, FORTRAN = 4 } buffer_flags;

static void release(buffers *held)
{
    while (held->count)
        PyBuffer_Release(&held->views[--held->count]);
}

static char buffer_type(const Py_buffer *view)
{
    const char *format = view->format ? view->format : "B";
    if (*format == '<' || *format == '=' || *format == '@')
        format++;
    if (format[0] == '\0' || format[1] != '\0')
        return '?';
    if ((*format == 'l' || *format == 'q') && view->itemsize == 8)
        return I64;
    if ((*format == 'l' || *format == 'i') && view->itemsize == 4)
        return I32;
    return *format;
}

static const char *kind_name(kind wanted)
{
    switch (wanted) {
    case F32: return "float32";
    case F64: return "float64";
    case I32: return "int32";
    case I64: return "int64";
    case U8: return "uint8";
    default: return "float32 or float64";
    }
}

/* Acquire a buffer of `dimensions` axes and the given extents (-1: any). */
static Py_buffer *acquire(buffers *held, PyObject *object, const char *name, kind wanted,
                          int dimensions, const Py_ssize_t *extents, int flags)
{
    Py_buffer *view = &held->views[held->count];
    int request = PyBUF_FORMAT | PyBUF_STRIDES | (flags & WRITE ? PyBUF_WRITABLE : 0);
    if (held->count == MAX_BUFFERS || PyObject_GetBuffer(object, view, request) != 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_SystemError, "too many buffers in one call");
        return NULL;
    }
    held->count++;
    char type = buffer_type(view);
    int matches = wanted == REAL ? type == F32 || type == F64 : type == (char)wanted;
    if (!matches || view->ndim != dimensions) {
        PyErr_Format(PyExc_TypeError, "%s must be a %d-d array of %s, got %d-d of '%s'",
                     name, dimensions, kind_name(wanted), view->ndim,
                     view->format ? view->format : "B");
        return NULL;
    }
    for (int axis = 0; extents && axis < dimensions; axis++)
        if (extents[axis] >= 0 && view->shape[axis] != extents[axis]) {
            PyErr_Format(PyExc_ValueError, "%s has %zd entries on axis %d, not %zd",
                         name, view->shape[axis], axis, extents[axis]);
            return NULL;
        }
    if (!(flags & ANY_STRIDE)
        && !PyBuffer_IsContiguous(view, flags & FORTRAN ? 'F' : 'C')) {
        PyErr_Format(PyExc_ValueError, "%s must be contiguous in %s order", name,
                     flags & FORTRAN ? "Fortran" : "C");
        return NULL;
    }
    return view;
}

static void *vector(buffers *held, PyObject *object, const char *name, kind wanted,
                    Py_ssize_t length, int flags)
{
    Py_buffer *view = acquire(held, object, name, wanted, 1, &length, flags);
    return view ? view->buf : NULL;
}

/* A vector that may be None; returns 0 on error. */
static int optional(buffers *held, PyObject *object, const char *name, kind wanted,
                    Py_ssize_t length, int flags, void **data)
{
    *data = NULL;
    if (object == Py_None)
        return 1;
    *data = vector(held, object, name, wanted, length, flags);
    return *data != NULL;
}

static Py_ssize_t length_of(const buffers *held)
{
    return held->views[held->count - 1].shape[0];
}

static int matrix(buffers *held, PyObject *object, const char *name, bl_matrix *out)
{
    Py_buffer *view = acquire(held, object, name, REAL, 2, NULL, ANY_STRIDE);
    if (!view)
        return 0;
    *out = (bl_matrix){.data = view->buf, .n_rows = view->shape[0],
                       .n_features = view->shape[1], .row_stride = view->strides[0],
                       .feature_stride = view->strides[1],
                       .dtype = buffer_type(view) == F32 ? BL_FLOAT32 : BL_FLOAT64};
    if (out->n_rows > BL_MAX_ROWS) {
        PyErr_Format(PyExc_ValueError, "%s has %zd rows; the core takes at most %lld",
                     name, view->shape[0], (long long)BL_MAX_ROWS);
        return 0;
    }
    return 1;
}

static int fail(const char *message)
{
    PyErr_SetString(PyExc_ValueError, message);
    return 0;
}

static int check_threads(int n_threads)
{
    if (n_threads >= 1 && n_threads <= MAX_THREADS)
        return 1;
    PyErr_Format(PyExc_ValueError, "n_threads is %d; it must be between 1 and %d",
                 n_threads, MAX_THREADS);
    return 0;
}

static PyObject *status_error(int status)
{
    switch (status) {
    case BL_NO_MEMORY: return PyErr_NoMemory();
    case BL_FULL: fail("the tree does not fit the output arrays"); break;
    case BL_NOT_FINITE:
        fail("a gradient, hessian or weight is NaN or infinite; check the objective "
             "and the targets");
        break;
    case BL_NEGATIVE:
        fail("a hessian is negative or a weight is not positive; clip hessians at 0 "
             "and drop rows of weight 0");
        break;
    default: fail("the core failed with an unknown status");
    }
    return NULL;
}

/* ---- bins --------------------------------------------------------------------- */

static int check_borders(const double *borders, Py_ssize_t n_borders,
                         const int64_t *offsets, Py_ssize_t n_features)
{
    if (offsets[0] != 0 || offsets[n_features] != n_borders)
        return fail("offsets must begin with 0 and end with the number of borders");
    for (Py_ssize_t j = 0; j < n_features; j++) {
        if (offsets[j + 1] < offsets[j] || offsets[j + 1] - offsets[j] >= BL_MAX_BINS)
            return fail("offsets must ascend by at most 254 a feature");
        for (int64_t b = offsets[j] + 1; b < offsets[j + 1]; b++)
            if (!(borders[b - 1] < borders[b]))
                return fail("the borders of a feature must ascend strictly");
        if (offsets[j + 1] > offsets[j] && isnan(borders[offsets[j]]))
            return fail("a border is NaN");
    }
    return 1;
}

static PyObject *core_distinct(PyObject *self, PyObject *args)
{
    PyObject *column, *out;
    buffers held = {.count = 0};
    int count = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OO:distinct", &column, &out))
        return NULL;
    Py_buffer *view = acquire(&held, column, "column", REAL, 1, NULL, ANY_STRIDE);
    double *values = view ? vector(&held, out, "out", F64, -1, WRITE) : NULL;
    Py_ssize_t limit = values ? length_of(&held) : 0;
    if (values && (limit < 1 || limit > BL_MAX_BINS)) {
        fail("out must hold between 1 and 255 values");
        values = NULL;
    }
    if (values) {
        bl_matrix x = {.data = view->buf, .n_rows = view->shape[0], .n_features = 1,
                       .row_stride = view->strides[0],
                       .dtype = buffer_type(view) == F32 ? BL_FLOAT32 : BL_FLOAT64};
        Py_BEGIN_ALLOW_THREADS
        count = bl_distinct(&x, (int)limit, values);
        Py_END_ALLOW_THREADS
    }
    release(&held);
    return values ? PyLong_FromLong(count) : NULL;
}

static PyObject *core_bin(PyObject *self, PyObject *args)
{
    PyObject *x_in, *borders_in, *offsets_in, *columns_in, *tiles_in;
    buffers held = {.count = 0};
    bl_matrix x;
    int n_threads, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOi:bin", &x_in, &borders_in, &offsets_in,
                          &columns_in, &tiles_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (matrix(&held, x_in, "X", &x)) {
        Py_ssize_t n = x.n_rows, f = x.n_features;
        Py_ssize_t column_shape[2] = {f, n};
        Py_ssize_t tile_shape[3] = {(f + BL_TILE - 1) / BL_TILE, n, BL_TILE};
        double *borders = vector(&held, borders_in, "borders", F64, -1, READ);
        Py_ssize_t n_borders = borders ? length_of(&held) : 0;
        int64_t *offsets =
            borders ? vector(&held, offsets_in, "offsets", I64, f + 1, READ) : NULL;
        Py_buffer *columns =
            offsets ? acquire(&held, columns_in, "columns", U8, 2, column_shape, WRITE)
                    : NULL;
        Py_buffer *tiles =
            columns ? acquire(&held, tiles_in, "tiles", U8, 3, tile_shape, WRITE) : NULL;
        if (tiles && check_borders(borders, n_borders, offsets, f)) {
            Py_BEGIN_ALLOW_THREADS
            bl_bin(&x, borders, offsets, columns->buf, tiles->buf, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

/* ---- losses ------------------------------------------------------------------- */

typedef struct {
    const double *y, *raw, *weight;
    Py_ssize_t n, n_outputs;
} loss_input;

static int check_labels(const loss_input *in, int loss)
{
    if (loss != BL_MULTINOMIAL)
        return in->n_outputs == 1 ? 1 : fail("this loss has one output");
    for (Py_ssize_t i = 0; i < in->n; i++)
        if (!(in->y[i] >= 0 && in->y[i] < (double)in->n_outputs))
            return fail("a label of the multinomial loss is not in 0 .. K-1");
    return 1;
}

static int loss_arguments(buffers *held, int loss, PyObject *y, PyObject *raw,
                          PyObject *weight, loss_input *in)
{
    Py_ssize_t shape[2] = {-1, -1};
    if (loss < 0 || loss >= BL_N_LOSSES)
        return fail("unknown loss");
    in->y = vector(held, y, "y", F64, -1, READ);
    if (!in->y)
        return 0;
    shape[0] = in->n = length_of(held);
    Py_buffer *view = acquire(held, raw, "raw", F64, 2, shape, FORTRAN);
    if (!view)
        return 0;
    in->raw = view->buf;
    in->n_outputs = view->shape[1];
    return optional(held, weight, "weight", F64, in->n, READ, (void **)&in->weight)
        && check_labels(in, loss);
}

static PyObject *core_derivatives(PyObject *self, PyObject *args)
{
    PyObject *y, *raw, *weight, *gradient_out, *hessian_out;
    buffers held = {.count = 0};
    loss_input in;
    int loss, n_threads, done = 0;
    double param;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOdOOi:derivatives", &loss, &y, &raw, &weight, &param,
                          &gradient_out, &hessian_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (loss_arguments(&held, loss, y, raw, weight, &in)) {
        Py_ssize_t shape[2] = {in.n, in.n_outputs};
        int flags = WRITE | FORTRAN;
        Py_buffer *gradient =
            acquire(&held, gradient_out, "gradient", F64, 2, shape, flags);
        Py_buffer *hessian = NULL;
        if (gradient && hessian_out != Py_None)
            hessian = acquire(&held, hessian_out, "hessian", F64, 2, shape, flags);
        if (gradient && (hessian || hessian_out == Py_None)) {
            double *h = hessian ? hessian->buf : NULL;
            Py_BEGIN_ALLOW_THREADS
            bl_derivatives((bl_loss)loss, in.y, in.raw, in.weight, in.n, in.n_outputs,
                           param, gradient->buf, h, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_loss_sum(PyObject *self, PyObject *args)
{
    PyObject *y, *raw, *weight;
    buffers held = {.count = 0};
    loss_input in;
    int loss, n_threads, done = 0;
    double param, sum = 0.0;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOdi:loss_sum", &loss, &y, &raw, &weight, &param,
                          &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (loss_arguments(&held, loss, y, raw, weight, &in)) {
        Py_BEGIN_ALLOW_THREADS
        sum = bl_loss_sum((bl_loss)loss, in.y, in.raw, in.weight, in.n, in.n_outputs,
                          param, n_threads);
        Py_END_ALLOW_THREADS
        done = 1;
    }
    release(&held);
    return done ? PyFloat_FromDouble(sum) : NULL;
}

/* ---- trees -------------------------------------------------------------------- */

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

/* Every node but the root has one parent, before it: walks end, and rows stay apart. */
static int check_links(const int32_t *feature, const int32_t *left, int64_t n_nodes,
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

static PyObject *core_apply_bins(PyObject *self, PyObject *args)
{
    PyObject *columns, *feature, *left, *bin, *missing_left, *ids_out;
    buffers held = {.count = 0};
    bl_bins bins;
    bl_tree tree = {0};
    int32_t *ids;
    int n_threads, status = BL_OK, ready = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOi:apply_bins", &columns, &feature, &left, &bin,
                          &missing_left, &ids_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (binned_table(&held, columns, &bins)
        && (tree.feature = vector(&held, feature, "feature", I32, -1, READ))
        && (tree.n_nodes = length_of(&held)) > 0
        && (tree.left = vector(&held, left, "left", I32, tree.n_nodes, READ))
        && (tree.bin = vector(&held, bin, "bin", U8, tree.n_nodes, READ))
        && (tree.missing_left =
                vector(&held, missing_left, "missing_left", U8, tree.n_nodes, READ))
        && (ids = vector(&held, ids_out, "ids", I32, bins.n_rows, WRITE))
        && check_links(tree.feature, tree.left, tree.n_nodes, bins.n_features)) {
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

/* ---- forests ------------------------------------------------------------------ */

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

/* ---- tiers -------------------------------------------------------------------- */

static PyObject *core_cpu_name(PyObject *self, PyObject *args)
{
    (void)self;
    (void)args;
    return PyUnicode_FromString(bl_cpu_name());
}

static PyObject *core_set_cpu(PyObject *self, PyObject *name)
{
    const char *before = bl_cpu_name();
    (void)self;
    PyObject *text = PyUnicode_AsUTF8String(name);
    if (!text)
        return NULL;
    int status = bl_set_cpu(PyBytes_AsString(text));
    Py_DecRef(text);
    if (status != BL_OK)
        return PyErr_Format(PyExc_ValueError,
                            "the CPU tier %R is unknown or this CPU cannot run it; "
                            "choose serial, avx2 or avx512",
                            name);
    return PyUnicode_FromString(before);
}

static PyMethodDef methods[] = {
    {"distinct", core_distinct, METH_VARARGS, "distinct(column, out) -> int"},
    {"bin", core_bin, METH_VARARGS, "bin(X, borders, offsets, columns, tiles, n_threads)"},
    {"derivatives", core_derivatives, METH_VARARGS,
     "derivatives(loss, y, raw, weight, param, gradient, hessian, n_threads)"},
    {"loss_sum", core_loss_sum, METH_VARARGS,
     "loss_sum(loss, y, raw, weight, param, n_threads) -> float"},
    {"workspace", core_workspace, METH_NOARGS, "workspace() -> capsule"},
    {"grow", core_grow, METH_VARARGS, "grow(...) -> int; see boostlab_core.h"},
    {"apply_bins", core_apply_bins, METH_VARARGS,
     "apply_bins(columns, feature, left, bin, missing_left, ids, n_threads)"},
    {"forest", core_forest, METH_VARARGS,
     "forest(starts, feature, left, threshold, missing_left, value, outputs, "
     "n_features, n_outputs) -> capsule"},
    {"predict", core_predict, METH_VARARGS, "predict(forest, X, raw, n_threads)"},
    {"apply", core_apply, METH_VARARGS, "apply(forest, X, ids, n_threads)"},
    {"add_cells", core_add_cells, METH_VARARGS, "add_cells(raw, ids, values, n_threads)"},
    {"cpu_name", core_cpu_name, METH_NOARGS, "cpu_name() -> str"},
    {"set_cpu", core_set_cpu, METH_O, "set_cpu(name) -> str, the tier before"},
    {NULL, NULL, 0, NULL},
};

static int add_constants(PyObject *module)
{
    bl_cpu();    /* read BOOSTLAB_CPU now, while only one thread imports */
    return PyModule_AddIntConstant(module, "TILE", BL_TILE)
        || PyModule_AddIntConstant(module, "STRIDE", BL_STRIDE)
        || PyModule_AddIntConstant(module, "MISSING", BL_MISSING)
        || PyModule_AddIntConstant(module, "MAX_ROWS", (long)BL_MAX_ROWS)
        || PyModule_AddIntConstant(module, "MAX_THREADS", MAX_THREADS);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_constants},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_core", .m_doc = "The C core of boostlab.",
    .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
