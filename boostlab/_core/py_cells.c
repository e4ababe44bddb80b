/* Sums over cells, for Python. */
#include "py_core.h"

static int ids_in_range(const bl_cell_values *in)
{
    for (int64_t i = 0; i < in->n_sampled; i++) {
        int64_t row = in->rows ? in->rows[i] : i;
        if (row < 0 || row >= in->n_rows)
            return fail("rows must be numbers of rows of the values");
        if (in->ids[row] < 0 || in->ids[row] >= in->n_cells)
            return fail("a cell id lies outside the cells");
    }
    return 1;
}

static PyObject *core_cell_sums(PyObject *self, PyObject *args)
{
    PyObject *values_in, *ids_in, *rows_in, *sums_in;
    buffers held = {.count = 0};
    bl_cell_values in = {0};
    int n_threads, status = BL_OK, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOi:cell_sums", &values_in, &ids_in, &rows_in,
                          &sums_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    Py_buffer *values = acquire(&held, values_in, "values", F64, 2, NULL, FORTRAN);
    if (values) {
        in.values = values->buf;
        in.n_rows = in.n_sampled = values->shape[0];
        in.n_columns = values->shape[1];
        Py_ssize_t shape[2] = {-1, in.n_columns};
        int read = (in.ids = vector(&held, ids_in, "ids", I32, in.n_rows, READ))
            && optional(&held, rows_in, "rows", I32, -1, READ, (void **)&in.rows);
        if (read && in.rows)
            in.n_sampled = length_of(&held);
        Py_buffer *sums =
            read ? acquire(&held, sums_in, "sums", F64, 2, shape, WRITE) : NULL;
        in.n_cells = sums ? sums->shape[0] : 0;
        if (sums && (in.n_columns < 1 || in.n_cells < 1))
            fail("sums takes at least one cell and one column");
        else if (sums && ids_in_range(&in)) {
            Py_BEGIN_ALLOW_THREADS
            status = bl_cell_sums(&in, sums->buf, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    if (!done)
        return NULL;
    return status == BL_OK ? Py_NewRef(Py_None) : status_error(status);
}

PyMethodDef py_cells_methods[] = {
    {"cell_sums", core_cell_sums, METH_VARARGS,
     "cell_sums(values, ids, rows, sums, n_threads)"},
    {NULL, NULL, 0, NULL},
};
