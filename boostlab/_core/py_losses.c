/* Losses and their derivatives, for Python. */
#include "py_core.h"

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

PyMethodDef py_losses_methods[] = {
    {"derivatives", core_derivatives, METH_VARARGS,
     "derivatives(loss, y, raw, weight, param, gradient, hessian, n_threads)"},
    {"loss_sum", core_loss_sum, METH_VARARGS,
     "loss_sum(loss, y, raw, weight, param, n_threads) -> float"},
    {NULL, NULL, 0, NULL},
};
