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

PyMethodDef py_bins_methods[] = {
    {"distinct", core_distinct, METH_VARARGS, "distinct(column, out) -> int"},
    {"bin", core_bin, METH_VARARGS, "bin(X, borders, offsets, columns, tiles, n_threads)"},
    {NULL, NULL, 0, NULL},
};
