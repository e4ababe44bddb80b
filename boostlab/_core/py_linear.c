/* The binding of linear_leaves.c. */
#include "py_core.h"

static int all_below(const int32_t *values, Py_ssize_t n, int64_t least, int64_t limit)
{
    for (Py_ssize_t i = 0; i < n; i++)
        if (values[i] < least || values[i] >= limit)
            return 0;
    return 1;
}

/* Acquire the arrays of the models, (S, D) or wider; returns 0 on error. */
static int leaf_models(buffers *held, PyObject *const *arrays, bl_leaf_models *out)
{
    const char *const names[] = {"center", "low", "high"};
    const double **const targets[] = {&out->center, &out->low, &out->high};
    if (!(out->model_of = vector(held, arrays[0], "model_of", I32, -1, READ)))
        return 0;
    Py_ssize_t n_nodes = length_of(held);
    Py_buffer *features = acquire(held, arrays[1], "features", I32, 2, NULL, READ);
    if (!features)
        return 0;
    Py_ssize_t n_models = features->shape[0], width = features->shape[1];
    for (int i = 0; i < 3; i++) {
        Py_buffer *view = acquire(held, arrays[2 + i], names[i], F64, 2,
                                  features->shape, READ);
        if (!view)
            return 0;
        *targets[i] = view->buf;
    }
    Py_ssize_t shape[3] = {n_models, width, -1};
    Py_buffer *coef = acquire(held, arrays[5], "coef", F64, 3, shape, READ);
    if (!coef)
        return 0;
    Py_ssize_t n_outputs = coef->shape[2], wide[2] = {n_models, n_outputs};
    Py_buffer *intercept = acquire(held, arrays[6], "intercept", F64, 2, wide, READ);
    if (!intercept)
        return 0;
    if (width > INT32_MAX || n_outputs > INT32_MAX)
        return fail("a model has too many features or outputs");
    out->features = features->buf;
    out->coef = coef->buf;
    out->intercept = intercept->buf;
    out->n_nodes = n_nodes;
    out->n_models = n_models;
    out->width = (int32_t)width;
    out->n_outputs = (int32_t)n_outputs;
    if (!all_below(out->model_of, n_nodes, -1, n_models))
        return fail("a node has a model that does not exist");
    return 1;
}

/* linear_leaves(X, ids, model_of, features, center, low, high, coef, intercept, outputs,
 * n_threads): outputs is changed where a row's leaf has a model. */
static PyObject *core_linear_leaves(PyObject *self, PyObject *args)
{
    PyObject *x_in, *ids_in, *arrays[7], *out;
    buffers held = {.count = 0};
    bl_leaf_models models;
    bl_matrix x;
    int32_t *ids;
    int n_threads, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOOOOi:linear_leaves", &x_in, &ids_in, &arrays[0],
                          &arrays[1], &arrays[2], &arrays[3], &arrays[4], &arrays[5],
                          &arrays[6], &out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (matrix(&held, x_in, "X", &x)
        && (ids = vector(&held, ids_in, "ids", I32, (Py_ssize_t)x.n_rows, READ))
        && leaf_models(&held, arrays, &models)) {
        Py_ssize_t shape[2] = {(Py_ssize_t)x.n_rows, models.n_outputs};
        Py_ssize_t n_used = (Py_ssize_t)models.n_models * models.width;
        Py_buffer *outputs = acquire(&held, out, "outputs", F64, 2, shape,
                                     WRITE | FORTRAN);
        if (outputs && !all_below(ids, shape[0], 0, models.n_nodes))
            fail("a leaf id lies outside the nodes");
        else if (outputs && !all_below(models.features, n_used, 0, x.n_features))
            fail("a model reads a feature that X does not have");
        else if (outputs) {
            Py_BEGIN_ALLOW_THREADS
            bl_linear_leaves(&models, &x, ids, outputs->buf, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef py_linear_methods[] = {
    {"linear_leaves", core_linear_leaves, METH_VARARGS,
     "linear_leaves(X, ids, model_of, features, center, low, high, coef, intercept, "
     "outputs, n_threads)"},
    {NULL, NULL, 0, NULL},
};
