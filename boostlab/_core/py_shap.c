/* Contributions of the features, for Python. */
#include "py_core.h"

#include <math.h>

static int check_weights(const double *weight, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++)
        if (!(weight[i] >= 0) || isinf(weight[i]))
            return fail("the weights of nodes must be finite and at least 0");
    return 1;
}

/* Path-dependent contributions, or those against a background where there is one. */
static int contribute(const forest_box *box, const double *weight, const bl_matrix *x,
                      const bl_matrix *background, double *out, int n_threads)
{
    if (background)
        return bl_shap_against(&box->forest, x, background, box->n_outputs, out,
                               n_threads);
    bl_shap *shap = bl_shap_new(&box->forest, weight, box->n_outputs);
    if (!shap)
        return BL_NO_MEMORY;
    int status = bl_shap_path(&box->forest, shap, x, box->n_outputs, out, n_threads);
    bl_shap_free(shap);
    return status;
}

static PyObject *core_contributions(PyObject *self, PyObject *args)
{
    PyObject *capsule, *weight_in, *x_in, *background_in, *out_in;
    buffers held = {.count = 0};
    bl_matrix x, background;
    double *weight;
    int n_threads, status = BL_OK, ready = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOi:contributions", &capsule, &weight_in, &x_in,
                          &background_in, &out_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    forest_box *box = PyCapsule_GetPointer(capsule, FOREST);
    if (!box)
        return NULL;
    Py_ssize_t n_nodes = (Py_ssize_t)box->forest.starts[box->forest.n_trees];
    int against = background_in != Py_None;
    if (forest_matrix(&held, box, x_in, "X", &x)
        && (!against || forest_matrix(&held, box, background_in, "background",
                                      &background))
        && (!against || background.n_rows > 0 || fail("the background has no rows"))
        && (weight = vector(&held, weight_in, "weight", F64, n_nodes, READ))
        && check_weights(weight, n_nodes)) {
        Py_ssize_t shape[3] = {x.n_rows, box->n_outputs, x.n_features + 1};
        Py_buffer *out = acquire(&held, out_in, "out", F64, 3, shape, WRITE);
        if (out) {
            Py_BEGIN_ALLOW_THREADS
            status = contribute(box, weight, &x, against ? &background : NULL, out->buf,
                                n_threads);
            Py_END_ALLOW_THREADS
            ready = 1;
        }
    }
    release(&held);
    if (!ready)
        return NULL;
    return status == BL_OK ? Py_NewRef(Py_None) : status_error(status);
}

PyMethodDef py_shap_methods[] = {
    {"contributions", core_contributions, METH_VARARGS,
     "contributions(forest, weight, X, background, out, n_threads)"},
    {NULL, NULL, 0, NULL},
};
