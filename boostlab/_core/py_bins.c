/* From raw values to bins, for Python. */
#include "py_core.h"

#include <math.h>

int check_borders(const double *borders, Py_ssize_t n_borders,
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
    PyObject *x_in, *values_in, *counts_in;
    buffers held = {.count = 0};
    bl_matrix x;
    int done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOO:distinct", &x_in, &values_in, &counts_in))
        return NULL;
    if (matrix(&held, x_in, "X", &x)) {
        Py_ssize_t extents[2] = {x.n_features, -1};
        Py_buffer *values =
            acquire(&held, values_in, "values", F64, 2, extents, WRITE);
        int32_t *counts =
            values ? vector(&held, counts_in, "counts", I32, x.n_features, WRITE) : NULL;
        if (counts && x.n_features > BL_DISTINCT_FEATURES)
            fail("X has more features than are read at once");
        else if (counts && (values->shape[1] < 1 || values->shape[1] > BL_MAX_BINS))
            fail("values must hold between 1 and 255 values a feature");
        else if (counts) {
            int limit = (int)values->shape[1];
            Py_BEGIN_ALLOW_THREADS
            bl_distinct(&x, limit, values->buf, counts);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_gather(PyObject *self, PyObject *args)
{
    PyObject *x_in, *rows_in, *out_in;
    buffers held = {.count = 0};
    bl_matrix x;
    int done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOO:gather", &x_in, &rows_in, &out_in))
        return NULL;
    if (matrix(&held, x_in, "X", &x)) {
        int64_t *rows = vector(&held, rows_in, "rows", I64, -1, READ);
        Py_ssize_t n = rows ? length_of(&held) : 0;
        Py_ssize_t extents[2] = {x.n_features, n};
        Py_buffer *out =
            rows ? acquire(&held, out_in, "out", F64, 2, extents, WRITE) : NULL;
        done = out != NULL;
        for (Py_ssize_t i = 0; done && i < n; i++)
            if (rows[i] < 0 || rows[i] >= x.n_rows)
                done = fail("rows must be numbers of rows of X");
        if (done) {
            Py_BEGIN_ALLOW_THREADS
            bl_gather(&x, rows, n, out->buf);
            Py_END_ALLOW_THREADS
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_summarize(PyObject *self, PyObject *args)
{
    PyObject *column_in, *mass_in, *values_in, *sums_in;
    buffers held = {.count = 0};
    void *mass;
    int64_t count = 0;
    int done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOO:summarize", &column_in, &mass_in, &values_in,
                          &sums_in))
        return NULL;
    Py_buffer *view = acquire(&held, column_in, "column", REAL, 1, NULL, ANY_STRIDE);
    Py_ssize_t n = view ? view->shape[0] : 0;
    if (view && optional(&held, mass_in, "mass", I64, n, READ, &mass)) {
        double *values = vector(&held, values_in, "values", F64, n, WRITE);
        int64_t *sums = values ? vector(&held, sums_in, "sums", I64, n, WRITE) : NULL;
        if (sums) {
            bl_matrix x = {.data = view->buf, .n_rows = n, .n_features = 1,
                           .row_stride = view->strides[0],
                           .dtype = buffer_type(view) == F32 ? BL_FLOAT32 : BL_FLOAT64};
            Py_BEGIN_ALLOW_THREADS
            count = bl_summarize(&x, mass, values, sums);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    if (done && count < 0)
        return status_error((int)count);
    return done ? PyLong_FromLongLong(count) : NULL;
}

static PyObject *core_bin(PyObject *self, PyObject *args)
{
    PyObject *x_in, *borders_in, *offsets_in, *columns_in;
    buffers held = {.count = 0};
    bl_matrix x;
    int n_threads, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOi:bin", &x_in, &borders_in, &offsets_in,
                          &columns_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (matrix(&held, x_in, "X", &x)) {
        Py_ssize_t n = x.n_rows, f = x.n_features;
        Py_ssize_t column_shape[2] = {f, n};
        double *borders = vector(&held, borders_in, "borders", F64, -1, READ);
        Py_ssize_t n_borders = borders ? length_of(&held) : 0;
        int64_t *offsets =
            borders ? vector(&held, offsets_in, "offsets", I64, f + 1, READ) : NULL;
        Py_buffer *columns =
            offsets ? acquire(&held, columns_in, "columns", U8, 2, column_shape, WRITE)
                    : NULL;
        if (columns && check_borders(borders, n_borders, offsets, f)) {
            Py_BEGIN_ALLOW_THREADS
            bl_bin(&x, borders, offsets, columns->buf, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_hash_rows(PyObject *self, PyObject *args)
{
    PyObject *x_in, *codes_in;
    buffers held = {.count = 0};
    bl_matrix x;
    int n_threads, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOi:hash_rows", &x_in, &codes_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (matrix(&held, x_in, "X", &x)) {
        uint64_t *codes = vector(&held, codes_in, "codes", U64, x.n_rows, WRITE);
        if (codes) {
            Py_BEGIN_ALLOW_THREADS
            bl_hash_rows(&x, codes, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef py_bins_methods[] = {
    {"distinct", core_distinct, METH_VARARGS, "distinct(X, values, counts)"},
    {"gather", core_gather, METH_VARARGS, "gather(X, rows, out)"},
    {"summarize", core_summarize, METH_VARARGS,
     "summarize(column, mass, values, sums) -> int"},
    {"bin", core_bin, METH_VARARGS, "bin(X, borders, offsets, columns, n_threads)"},
    {"hash_rows", core_hash_rows, METH_VARARGS, "hash_rows(X, codes, n_threads)"},
    {NULL, NULL, 0, NULL},
};
