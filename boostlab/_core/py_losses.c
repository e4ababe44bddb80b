/* Losses and their derivatives, for Python. */
#include "py_core.h"

#include <math.h>

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

static PyObject *core_loss_terms(PyObject *self, PyObject *args)
{
    PyObject *y, *raw, *weight, *terms_out;
    buffers held = {.count = 0};
    loss_input in;
    int loss, n_threads, done = 0;
    double param;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOdOi:loss_terms", &loss, &y, &raw, &weight, &param,
                          &terms_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (loss_arguments(&held, loss, y, raw, weight, &in)) {
        double *terms = vector(&held, terms_out, "terms", F64, in.n, WRITE);
        if (terms) {
            Py_BEGIN_ALLOW_THREADS
            bl_loss_terms((bl_loss)loss, in.y, in.raw, in.weight, in.n, in.n_outputs,
                          param, terms, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_greatest(PyObject *self, PyObject *args)
{
    PyObject *values_in;
    buffers held = {.count = 0};
    int n_threads;
    double greatest = 0.0;
    (void)self;
    if (!PyArg_ParseTuple(args, "Oi:greatest", &values_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    const double *values = vector(&held, values_in, "values", F64, -1, READ);
    if (values) {
        int64_t n = length_of(&held);
        Py_BEGIN_ALLOW_THREADS
        greatest = bl_greatest(values, n, n_threads);
        Py_END_ALLOW_THREADS
    }
    release(&held);
    return values ? PyFloat_FromDouble(greatest) : NULL;
}

static int check_groups(const int64_t *groups, Py_ssize_t n, Py_ssize_t n_groups)
{
    for (Py_ssize_t i = 0; i < n; i++)
        if (groups[i] < 0 || groups[i] >= n_groups)
            return fail("a group is not in 0 .. n_groups - 1");
    return 1;
}

static PyObject *core_exact_sums(PyObject *self, PyObject *args)
{
    PyObject *values_in, *groups_in, *sums_out;
    buffers held = {.count = 0};
    int n_threads, done = 0;
    double scale;
    void *groups;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOdOi:exact_sums", &values_in, &groups_in, &scale,
                          &sums_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    const double *values = vector(&held, values_in, "values", F64, -1, READ);
    Py_ssize_t n = values ? length_of(&held) : 0, extents[2] = {-1, 2};
    if (values && optional(&held, groups_in, "groups", I64, n, READ, &groups)) {
        Py_buffer *sums = acquire(&held, sums_out, "sums", I64, 2, extents, WRITE);
        if (sums && !groups && sums->shape[0] != 1)
            fail("without groups there is one sum");
        else if (sums && !(scale > 0 && isfinite(scale)))
            fail("scale must be positive and finite");
        else if (sums && (!groups || check_groups(groups, n, sums->shape[0]))) {
            Py_BEGIN_ALLOW_THREADS
            if (groups)
                bl_exact_sums(values, groups, n, scale, sums->buf);
            else
                bl_exact_total(values, n, scale, sums->buf, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef py_losses_methods[] = {
    {"derivatives", core_derivatives, METH_VARARGS,
     "derivatives(loss, y, raw, weight, param, gradient, hessian, n_threads)"},
    {"loss_terms", core_loss_terms, METH_VARARGS,
     "loss_terms(loss, y, raw, weight, param, terms, n_threads)"},
    {"greatest", core_greatest, METH_VARARGS, "greatest(values, n_threads) -> float"},
    {"exact_sums", core_exact_sums, METH_VARARGS,
     "exact_sums(values, groups, scale, sums, n_threads)"},
    {NULL, NULL, 0, NULL},
};
